//! Click ids: 32 characters `[a-z0-9]`, made of a 16 character visit id, a 14 character click number and 2 check characters.
//!
//! They are read ignoring case, so that a network that changes case loses nothing. The check characters notice every
//! single wrong character and every swap of neighbours.

use crate::absent;
use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

/// Characters in a visit id.
pub const VISIT_LENGTH: usize = 16;
/// Characters in a click id.
pub const LENGTH: usize = 32;
const BODY_LENGTH: usize = 30;
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A source of random bytes: fills the slice, or says that it cannot.
///
/// The tag passes the browser's CSPRNG, tests pass a seeded one.
pub trait Random {
    /// Fills `bytes`; `false` where no randomness is to be had.
    fn fill(&mut self, bytes: &mut [u8]) -> bool;
}

impl<F: FnMut(&mut [u8]) -> bool> Random for F {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        self(bytes)
    }
}

/// The id of a visit: 16 characters `[a-z0-9]`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VisitId(String);

/// The id of a click, checked: 32 characters `[a-z0-9]`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClickId(String);

/// What a string in a sub-id parameter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A click id of ours: right length, right characters, right check.
    Ours(ClickId),
    /// Empty, or an unexpanded macro.
    Absent,
    /// Anything else. Where its first 16 characters could be a visit id (an id cut off on the way), they are kept
    /// for the server to look up.
    Other(Option<VisitId>),
}

/// Reads what arrived in a sub-id parameter.
pub fn read(text: &str) -> Reading {
    let Some(text) = absent::present(text) else {
        return Reading::Absent;
    };
    match ClickId::parse(text) {
        Some(id) => Reading::Ours(id),
        None => Reading::Other(text.get(..VISIT_LENGTH).and_then(VisitId::parse)),
    }
}

impl VisitId {
    /// A new visit id from the CSPRNG; `None` where there is no randomness.
    pub fn mint(random: &mut impl Random) -> Option<Self> {
        characters(random, VISIT_LENGTH).map(Self)
    }

    /// Reads a visit id, ignoring case.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == VISIT_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric()))
            .then(|| Self(text.to_ascii_lowercase()))
    }

    /// The 16 characters, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ClickId {
    /// A new click id of this visit; `None` where there is no randomness.
    pub fn mint(visit: &VisitId, random: &mut impl Random) -> Option<Self> {
        let mut id = String::with_capacity(LENGTH);
        id.push_str(visit.as_str());
        id.push_str(&characters(random, BODY_LENGTH - VISIT_LENGTH)?);
        let (high, low) = check(&id);
        id.push(high);
        id.push(low);
        Some(Self(id))
    }

    /// Reads a click id, ignoring case; `None` where length, characters or check are wrong.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != LENGTH || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let id = text.to_ascii_lowercase();
        let (body, sent) = id.split_at_checked(BODY_LENGTH)?;
        let (high, low) = check(body);
        let mut sent = sent.chars();
        (sent.next() == Some(high) && sent.next() == Some(low)).then_some(Self(id))
    }

    /// The visit in which the click happened.
    pub fn visit(&self) -> VisitId {
        VisitId(self.0.get(..VISIT_LENGTH).unwrap_or_default().to_owned())
    }

    /// The 32 characters, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for VisitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for VisitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The two check characters: `h = 0; for each: h = (h * 37 + value + 1) mod 1296`, as two base 36 digits.
fn check(body: &str) -> (char, char) {
    let h = body.bytes().fold(0u32, |h, b| (h * 37 + char::from(b).to_digit(36).unwrap_or(0) + 1) % 1296);
    (digit(h / 36), digit(h % 36))
}

fn digit(value: u32) -> char {
    char::from_digit(value, 36).unwrap_or('0')
}

/// Unbiased characters `[a-z0-9]`: bytes of 252 and above are thrown away, since 252 is the largest multiple of 36.
fn characters(random: &mut impl Random, count: usize) -> Option<String> {
    let mut text = String::with_capacity(count);
    let mut bytes = [0u8; 24];
    // Each round misses a byte in 64; a source that never delivers (all 0xff) must not hang the page.
    for _ in 0..64 {
        if !random.fill(&mut bytes) {
            return None;
        }
        for byte in bytes {
            if text.len() == count {
                return Some(text);
            }
            if byte < 252 {
                text.push(char::from(*DIGITS.get(usize::from(byte % 36))?));
            }
        }
    }
    None
}
