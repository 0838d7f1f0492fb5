//! Who may use a console on loopback: the person who started it, and nobody else on that machine.

use std::sync::{Mutex, PoisonError};

use super::{Secret, secret::Fingerprint};

/// The secrets of one console on loopback. Whoever has one of them acts as the person who started it.
pub struct Pass {
    once: Mutex<Option<Fingerprint>>,
    session: Secret,
}

/// A token was not taken for a session.
#[derive(thiserror::Error, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It has served already.
    #[error("this address was opened already, and serves once: start `kubectl flashjob ui` again")]
    Used,
    /// It is another one.
    #[error(
        "this is not the token of this console: open the address that `kubectl flashjob ui` printed last"
    )]
    Unknown,
}

impl Pass {
    /// New secrets, and the token that can be exchanged for a session once.
    #[must_use]
    pub fn new() -> (Self, Secret) {
        let once = Secret::random();
        let pass = Self {
            once: Mutex::new(Some(once.fingerprint())),
            session: Secret::random(),
        };
        (pass, once)
    }

    /// What proves a session, in a cookie or as a bearer token.
    #[must_use]
    pub fn session(&self) -> &Secret {
        &self.session
    }

    /// Whether this proves it.
    #[must_use]
    pub fn admits(&self, proof: &str) -> bool {
        Fingerprint::of(proof) == self.session.fingerprint()
    }

    /// Exchanges the token that serves once for what proves a session.
    ///
    /// # Errors
    /// When it has served, or is another one.
    pub fn exchange(&self, token: &str) -> Result<&Secret, Refused> {
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        match *once {
            None => Err(Refused::Used),
            Some(expected) if expected == Fingerprint::of(token) => {
                *once = None;
                Ok(&self.session)
            }
            Some(_) => Err(Refused::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_the_address_serves_once_and_proves_no_session() {
        let (pass, once) = Pass::new();
        assert!(!pass.admits(once.text()));
        assert_eq!(pass.exchange("other").unwrap_err(), Refused::Unknown);
        let session = pass.exchange(once.text()).unwrap().text();
        assert!(pass.admits(session));
        assert_eq!(pass.exchange(once.text()).unwrap_err(), Refused::Used);
        assert!(pass.admits(pass.session().text()));
    }
}
