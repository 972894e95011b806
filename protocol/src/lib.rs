//! What Tagwerk's tag and server must agree on.
//!
//! Everything here is a pure function over plain data: no I/O, no clock, no randomness of its own.
//! The tag uses [`click_id`], [`link`], [`source`], [`event`] and [`settings`]; the server uses those too, and with
//! the feature `server` the tables and the words of money: [`group`], [`clicks`], [`pixels`], [`imports`], [`money`] and [`conversion`].
//!
//! ```
//! use tagwerk_protocol::link::{GroupRule, Link, LinkRules, Page, Plan, plan};
//!
//! let rules = LinkRules {
//!     groups: vec![GroupRule {
//!         name: "network".into(),
//!         sub_id: "sub".into(),
//!         hosts: vec!["network.example".into()],
//!         paths: vec!["/go/".into()],
//!     }],
//!     ..LinkRules::default()
//! };
//! let link = Link { href: "https://www.network.example/go/7?x=1", group: None, rel: None };
//! let Plan::Decorate(decoration) = plan(&link, &rules, &Page { base: "https://shop.example/" }, |_| false) else {
//!     panic!("the link is the network's");
//! };
//! assert_eq!(decoration.href("ID"), "https://www.network.example/go/7?x=1&sub=ID");
//! ```

// The tag goes without the standard library: its panics and allocator weigh more than all of the rules.
#![cfg_attr(not(any(test, feature = "server")), no_std)]

extern crate alloc;

pub mod absent;
pub mod click_id;
pub mod event;
pub mod form;
pub mod href;
pub mod link;
pub mod settings;
pub mod source;

#[cfg(feature = "server")]
pub mod clicks;
#[cfg(feature = "server")]
pub mod conversion;
#[cfg(feature = "server")]
pub mod group;
#[cfg(feature = "server")]
pub mod imports;
#[cfg(feature = "server")]
pub mod money;
#[cfg(feature = "server")]
pub mod pixels;
