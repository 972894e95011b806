//! What makes the module small: no standard library, an allocator of a few hundred bytes, and a panic that only traps.
//! The shim takes a trap as the module's end and carries on alone.

use lol_alloc::{AssumeSingleThreaded, FreeListAllocator};

#[allow(unsafe_code)]
// The module is built without threads.
#[global_allocator]
static ALLOCATOR: AssumeSingleThreaded<FreeListAllocator> =
    unsafe { AssumeSingleThreaded::new(FreeListAllocator::new()) };

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
