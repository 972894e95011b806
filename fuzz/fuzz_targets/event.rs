#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwerk_protocol::event::Event;

fuzz_target!(|line: &str| {
    if let Ok(event) = Event::from_line(line) {
        assert_eq!(Event::from_line(&event.to_line()), Ok(event));
    }
});
