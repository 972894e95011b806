//! Who may do what: the roles, and what an e-mail address and a password have to be like. Pure.

pub mod password;
pub mod patience;

use std::fmt;

/// Fewest characters of a password.
pub const SHORTEST_PASSWORD: usize = 12;
/// Most characters of a password: hashing one takes time that grows with it.
pub const LONGEST_PASSWORD: usize = 1000;
/// Most characters of an e-mail address.
pub const LONGEST_EMAIL: usize = 254;
/// Most characters of a person's or a token's name.
pub const LONGEST_NAME: usize = 100;

/// What somebody may do. Ordered: who stands higher may do all that those below may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks.
    ReadOnly,
    /// Works with the figures: costs, saved reports, corrections, replays.
    Analyst,
    /// Everything: settings, credentials, people, tokens.
    Owner,
}

impl Role {
    /// Every role, the highest first.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Analyst, Self::ReadOnly];

    /// The word, as stored and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::ReadOnly => "read_only",
            Role::Analyst => "analyst",
            Role::Owner => "owner",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }

    /// The word, as people read it.
    pub fn label(self) -> &'static str {
        match self {
            Role::ReadOnly => "read-only",
            Role::Analyst => "analyst",
            Role::Owner => "owner",
        }
    }

    /// What the role may do, in a sentence.
    pub fn means(self) -> &'static str {
        match self {
            Role::ReadOnly => "sees reports, the log and settings, and changes nothing.",
            Role::Analyst => {
                "sees postback URLs too, adds costs, saves reports, corrects, assigns, replays and resends."
            }
            Role::Owner => {
                "changes settings and credentials, adds people and tokens, exports everything, erases visitors, and does all that an analyst does."
            }
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Who asks for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// What the trail shows: an e-mail address, `admin token`, `token: zapier`.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The person, where it is one.
    pub user_id: Option<String>,
}

impl Who {
    /// Somebody who is no person of the list but may do everything: the admin token, the command line.
    pub fn owner(name: &str) -> Self {
        Self { name: name.to_owned(), role: Role::Owner, user_id: None }
    }
}

/// Why something about a person cannot be; the sentence says what could.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(String);

/// An e-mail address as it is kept: trimmed, in lower case.
///
/// # Errors
/// It cannot be one. Whether it takes mail, nobody here finds out: none is sent.
pub fn email(text: &str) -> Result<String, Unfit> {
    let email = text.trim().to_lowercase();
    let fits = email.chars().count() <= LONGEST_EMAIL
        && !email.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\"',;:\\()[]".contains(c))
        && matches!(email.rsplit_once('@'), Some((name, host)) if !name.is_empty() && !name.contains('@') && !host.is_empty());
    if fits { Ok(email) } else { Err(Unfit("that is no e-mail address; it reads like anna@example.com".into())) }
}

/// A person's or a token's name as it is kept: trimmed.
///
/// # Errors
/// It is empty, too long, or has characters that do not print.
pub fn name(text: &str) -> Result<String, Unfit> {
    let name = text.trim();
    if name.is_empty() {
        return Err(Unfit("a name is missing".into()));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(Unfit(format!("a name has at most {LONGEST_NAME} characters")));
    }
    if name.chars().any(char::is_control) {
        return Err(Unfit("a name has no control characters".into()));
    }
    Ok(name.to_owned())
}

/// The role of this word.
///
/// # Errors
/// There is no such role.
pub fn role(word: &str) -> Result<Role, Unfit> {
    Role::parse(word).ok_or_else(|| Unfit("a role is owner, analyst or read_only".into()))
}

/// Checks that a password may be chosen by the person with this address. Length is all that counts.
///
/// # Errors
/// It is too short, too long, or the address itself.
pub fn fit_password(password: &str, email: &str) -> Result<(), Unfit> {
    let length = password.chars().count();
    if length < SHORTEST_PASSWORD {
        return Err(Unfit(format!("the password needs at least {SHORTEST_PASSWORD} characters")));
    }
    if length > LONGEST_PASSWORD {
        return Err(Unfit(format!("the password has at most {LONGEST_PASSWORD} characters")));
    }
    if password.trim().to_lowercase() == email {
        return Err(Unfit("the password must not be the e-mail address".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_may_all_that_an_analyst_may_who_may_all_that_a_reader_may() {
        assert!(Role::Owner > Role::Analyst && Role::Analyst > Role::ReadOnly);
    }

    #[test]
    fn every_role_reads_back() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Owner"), None);
    }

    #[test]
    fn an_address_is_kept_trimmed_and_in_lower_case() {
        assert_eq!(email(" Anna@Example.COM "), Ok("anna@example.com".into()));
        assert_eq!(email("JÖRG@straße.example"), Ok("jörg@straße.example".into()));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(300));
        for text in ["", "anna", "@example.com", "anna@", "a b@example.com", "a@b@c.example", "<a@b.example>", &long] {
            assert!(email(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_long_enough_and_not_the_address() {
        let of_anna = |password: &str| fit_password(password, "anna@example.com");
        assert!(of_anna("elevenchars").is_err());
        assert!(of_anna("twelve chars").is_ok());
        assert!(of_anna("äöüäöüäöüäöü").is_ok(), "characters are counted, not bytes");
        assert!(of_anna("Anna@Example.com").is_err());
        assert!(of_anna(&"x".repeat(LONGEST_PASSWORD + 1)).is_err());
    }

    #[test]
    fn a_name_prints_and_is_bounded() {
        assert_eq!(name("  Anna "), Ok("Anna".into()));
        for text in ["", "  ", "a\nb", &"x".repeat(LONGEST_NAME + 1)] {
            assert!(name(text).is_err(), "{text}");
        }
    }
}
