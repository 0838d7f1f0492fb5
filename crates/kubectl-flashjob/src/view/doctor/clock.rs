//! Whether clocks agree: times on this screen, and who leads, are told by them. Pure.

use jiff::{SignedDuration, Timestamp};

use super::{Check, Facts, Finding};

/// A difference that is nobody's mistake: the API server tells whole seconds, and an answer takes its time.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);

impl Facts {
    /// The API server's time, which objects are stamped with; where it does not say, this computer's.
    pub(super) fn now(&self) -> Timestamp {
        let (server, local) = &self.times;
        let server = server.as_ref().ok().copied().flatten();
        server.unwrap_or(*local)
    }
}

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let check = Check::Clock;
    let (server, local) = &facts.times;
    let mut all = Vec::new();
    match server {
        Ok(Some(server)) => all.push(of_this_computer(local.duration_since(*server))),
        Ok(None) => {
            let message = "the API server does not tell its time".to_owned();
            all.push(Finding::ok(check, message));
        }
        Err(error) => all.push(Finding::unknown(check, "the API server's time", error)),
    }
    let lease = facts.lease.as_ref().ok().and_then(Option::as_ref);
    let renewed = lease.and_then(|lease| lease.spec.as_ref()?.renew_time.as_ref());
    let ahead = renewed.map(|time| time.0.duration_since(facts.now()));
    // One that is behind cannot be told from an operator that does not renew.
    if let Some(ahead) = ahead.filter(|ahead| *ahead > PATIENCE) {
        let message = format!(
            "the clock of the operator's node is {} s ahead of the API server's",
            ahead.as_secs()
        );
        let next = "set the clocks of all nodes by NTP".to_owned();
        all.push(Finding::warn(check, message, next));
    }
    all
}

fn of_this_computer(ahead: SignedDuration) -> Finding {
    let seconds = ahead.as_secs().abs();
    if ahead.abs() <= PATIENCE {
        return Finding::ok(
            Check::Clock,
            "this computer and the API server agree".to_owned(),
        );
    }
    let way = if ahead.is_negative() {
        "behind"
    } else {
        "ahead of"
    };
    let message = format!(
        "this computer's clock is {seconds} s {way} the API server's: ages are told wrongly"
    );
    Finding::warn(
        Check::Clock,
        message,
        "set this computer's clock by NTP".to_owned(),
    )
}
