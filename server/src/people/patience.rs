//! How long an account waits after wrong passwords. Pure: times are passed in.

use std::collections::HashMap;

/// Wrong passwords in a row that cost nothing.
const FREE: u32 = 5;
/// What the first wait takes, in milliseconds; each further one twice as long.
const FIRST: i64 = 30_000;
/// The longest wait, in milliseconds.
const LONGEST: i64 = 15 * 60_000;
/// Accounts after which those are forgotten that have been quiet for longest.
const MOST: usize = 10_000;

/// The waits of all accounts, by the address that was typed: one that is nobody's waits as any other does.
#[derive(Debug, Default)]
pub struct Patience {
    accounts: HashMap<String, Account>,
}

#[derive(Debug)]
struct Account {
    /// Attempts since the last right password.
    tried: u32,
    /// When the next may come.
    next_at: i64,
    /// When the last came.
    last_at: i64,
}

impl Patience {
    /// Begins an attempt, which counts as a wrong one until [`Self::forget`] says otherwise: so that many at once do not all pass before
    /// the first has failed.
    ///
    /// # Errors
    /// It is too early; how many milliseconds remain. That attempt does not make the wait longer.
    pub fn begin(&mut self, email: &str, now: i64) -> Result<(), i64> {
        self.make_room(now);
        let account = self.accounts.entry(email.to_owned()).or_insert(Account { tried: 0, next_at: now, last_at: now });
        if account.next_at > now {
            return Err(account.next_at - now);
        }
        // Whoever has been quiet for longer than any wait begins anew, with one mistake less each time.
        if now - account.last_at > LONGEST {
            account.tried = account.tried.min(FREE.saturating_sub(1));
        }
        account.tried = account.tried.saturating_add(1);
        account.last_at = now;
        account.next_at = now + wait(account.tried);
        Ok(())
    }

    /// The password was right, or the account has a new one.
    pub fn forget(&mut self, email: &str) {
        self.accounts.remove(email);
    }

    fn make_room(&mut self, now: i64) {
        if self.accounts.len() < MOST {
            return;
        }
        self.accounts.retain(|_, account| now - account.last_at < LONGEST);
        while self.accounts.len() >= MOST {
            let quietest = self.accounts.iter().min_by_key(|(_, account)| (account.tried, account.last_at));
            let Some(email) = quietest.map(|(email, _)| email.clone()) else { break };
            self.accounts.remove(&email);
        }
    }
}

/// The wait after so many wrong passwords in a row, in milliseconds.
fn wait(tried: u32) -> i64 {
    match tried.checked_sub(FREE) {
        None => 0,
        Some(more) => FIRST.saturating_mul(1 << more.min(16)).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_mistakes_in_a_row_make_a_wait_that_doubles_up_to_a_quarter_of_an_hour() {
        let mut patience = Patience::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..12 {
            assert_eq!(patience.begin("a@b.example", now), Ok(()));
            let left = patience.accounts.get("a@b.example").expect("there").next_at - now;
            if left > 0 {
                assert_eq!(patience.begin("a@b.example", now + left - 1), Err(1));
                waits.push(left / 1000);
                now += left;
            }
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900, 900]);
    }

    #[test]
    fn many_attempts_at_once_are_counted_before_any_has_failed() {
        let mut patience = Patience::default();
        let passed = (0..100).filter(|_| patience.begin("a@b.example", 0).is_ok()).count();
        assert_eq!(passed, 5);
    }

    #[test]
    fn a_right_password_ends_the_count() {
        let mut patience = Patience::default();
        for _ in 0..20 {
            for _ in 0..4 {
                patience.begin("a@b.example", 0).expect("free");
            }
            patience.forget("a@b.example");
        }
    }

    #[test]
    fn another_account_does_not_wait() {
        let mut patience = Patience::default();
        while patience.begin("a@b.example", 0).is_ok() {}
        assert_eq!(patience.begin("c@d.example", 0), Ok(()));
    }

    #[test]
    fn a_crowd_of_accounts_is_bounded_and_does_not_wash_a_waiting_one_out() {
        let mut patience = Patience::default();
        while patience.begin("a@b.example", 0).is_ok() {}
        for n in 0..MOST + 50 {
            patience.begin(&format!("{n}@b.example"), 1).expect("free");
        }
        assert!(patience.accounts.len() <= MOST);
        assert!(patience.begin("a@b.example", 1).is_err());
    }
}
