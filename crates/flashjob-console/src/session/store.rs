//! The sessions of people who pasted their tokens: in memory alone, few, and not for long.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use super::{Secret, Token, secret::Fingerprint};

/// Most sessions at the same time.
const MOST: usize = 1000;
/// Most sessions of one person; the oldest gives way.
const MOST_OF_ONE: usize = 10;
/// How long a session lasts, where its token does not expire before.
const TERM: SignedDuration = SignedDuration::from_hours(8);

/// All sessions of this process.
#[derive(Default)]
pub struct Sessions(Mutex<BTreeMap<Fingerprint, Session>>);

struct Session {
    token: Token,
    person: String,
    since: Timestamp,
    until: Timestamp,
}

/// A session that begins.
#[derive(Debug)]
pub struct Begun {
    /// What proves it.
    pub secret: Secret,
    /// How long it lasts, in seconds.
    pub seconds: i64,
}

/// There is no place for another session.
#[derive(Debug)]
pub struct Full;

impl Sessions {
    /// Begins one for that person, whom the API server knows by that token.
    ///
    /// # Errors
    /// When as many last as may, all of them of other people.
    pub fn begin(&self, token: Token, person: &str, now: Timestamp) -> Result<Begun, Full> {
        let mut sessions = self.lasting(now);
        let own = sessions
            .iter()
            .filter(|(_, session)| session.person == person);
        let mut own: Vec<_> = own.map(|(key, session)| (session.since, *key)).collect();
        own.sort_unstable();
        if own.len() >= MOST_OF_ONE {
            sessions.remove(&own[0].1);
        }
        if sessions.len() >= MOST {
            return Err(Full);
        }
        let until = now.saturating_add(TERM).unwrap_or(Timestamp::MAX);
        let until = token.expires().map_or(until, |expires| until.min(expires));
        let secret = Secret::random();
        let session = Session {
            token,
            person: person.to_owned(),
            since: now,
            until,
        };
        sessions.insert(secret.fingerprint(), session);
        let seconds = until.duration_since(now).as_secs().max(0);
        Ok(Begun { secret, seconds })
    }

    /// The token of the session that this proves, while it lasts.
    pub fn token(&self, proof: &str, now: Timestamp) -> Option<Token> {
        let sessions = self.lasting(now);
        let session = sessions.get(&Fingerprint::of(proof))?;
        Some(session.token.clone())
    }

    /// Whose session this proves, while it lasts.
    pub fn person(&self, proof: &str, now: Timestamp) -> Option<String> {
        let sessions = self.lasting(now);
        let session = sessions.get(&Fingerprint::of(proof))?;
        Some(session.person.clone())
    }

    /// Ends the session that this proves.
    pub fn end(&self, proof: &str) {
        self.all().remove(&Fingerprint::of(proof));
    }

    fn lasting(&self, now: Timestamp) -> MutexGuard<'_, BTreeMap<Fingerprint, Session>> {
        let mut sessions = self.all();
        sessions.retain(|_, session| now < session.until);
        sessions
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Fingerprint, Session>> {
        // No change of it can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use rstest::rstest;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn token(expires: Option<i64>) -> Token {
        let claims = expires.map_or("{}".to_owned(), |second| {
            format!("{{\"exp\": {}}}", at(second).as_second())
        });
        Token::pasted(&format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))).unwrap()
    }

    #[rstest]
    #[case::by_its_term(None, 8 * 3600)]
    #[case::with_its_token(Some(600), 600)]
    #[case::by_its_term_where_the_token_lasts_longer(Some(100_000), 8 * 3600)]
    fn a_session_ends(#[case] expires: Option<i64>, #[case] end: i64) {
        let sessions = Sessions::default();
        let begun = sessions.begin(token(expires), "jane", at(0)).unwrap();
        assert_eq!(begun.seconds, end);
        let secret = begun.secret.text();
        assert!(sessions.token(secret, at(end - 1)).is_some());
        assert_eq!(
            sessions.person(secret, at(end - 1)).as_deref(),
            Some("jane")
        );
        assert!(sessions.token(secret, at(end)).is_none());
        // Nothing of it is kept.
        assert!(sessions.all().is_empty());
    }

    #[test]
    fn a_session_is_proved_by_its_secret_alone_until_somebody_ends_it() {
        let sessions = Sessions::default();
        let [one, other] = [(), ()].map(|()| sessions.begin(token(None), "jane", at(0)).unwrap());
        assert!(sessions.token(Secret::random().text(), at(1)).is_none());
        sessions.end(one.secret.text());
        assert!(sessions.token(one.secret.text(), at(1)).is_none());
        assert!(sessions.token(other.secret.text(), at(1)).is_some());
    }

    #[test]
    fn nobody_takes_the_places_of_others() {
        let sessions = Sessions::default();
        let first = sessions.begin(token(None), "jane", at(0)).unwrap();
        for second in 1..=i64::try_from(MOST_OF_ONE).unwrap() {
            sessions.begin(token(None), "jane", at(second)).unwrap();
        }
        assert!(sessions.token(first.secret.text(), at(20)).is_none());
        assert_eq!(sessions.all().len(), MOST_OF_ONE);
        for number in 0..MOST - MOST_OF_ONE {
            let person = format!("person-{number}");
            sessions.begin(token(None), &person, at(20)).unwrap();
        }
        assert!(sessions.begin(token(None), "late", at(21)).is_err());
        // Who has one already gives up the oldest of their own.
        assert!(sessions.begin(token(None), "jane", at(21)).is_ok());
        assert!(sessions.begin(token(None), "late", at(9 * 3600)).is_ok());
    }
}
