//! Who made the request that is being answered, for the top line of its page: known once an extractor has found out.

use crate::people::Who;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use std::cell::RefCell;

tokio::task_local! {
    static HERE: RefCell<Option<Who>>;
}

/// Gives a request a place in which whoever is signed in is remembered until it is answered.
pub(crate) async fn remember(request: Request, next: Next) -> Response {
    HERE.scope(RefCell::new(None), next.run(request)).await
}

/// Remembers who is signed in.
pub(super) fn note(who: &Who) {
    // Outside a request of the dashboard nobody asks.
    let _ = HERE.try_with(|here| here.replace(Some(who.clone())));
}

/// Whoever is signed in and made the request that is being answered.
pub(crate) fn who_is_here() -> Option<Who> {
    HERE.try_with(|here| here.borrow().clone()).ok().flatten()
}
