//! The order of a flash, and its exit code.

use std::{
    error::Error,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    Log,
    environment::Options,
    http::{self, HttpError, InvalidUrl, Request, Url},
    protocol,
    pull::pull,
    transfer::Agent,
};

/// Most of a device's answer that is read; nothing in it counts.
const MAX_ANSWER: u64 = 64 << 10;

/// Where the agent is, besides what its environment says.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where the device dials in. Devices know port 4433 alone.
    pub listen: SocketAddr,
    /// Folder of `server.crt` and `server.key`.
    pub certificates: PathBuf,
    /// How long a device may be silent.
    pub patience: Duration,
    /// Whether a device receives firmware.
    pub transfer: Transfer,
}

/// Whether a device receives firmware, for those who would end the program meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Transfer(Arc<Mutex<bool>>);

impl Transfer {
    /// From now on one does.
    pub(crate) fn begin(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Does this while none does; none begins meanwhile.
    pub fn unless_under_way(&self, then: impl FnOnce()) {
        let is_under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_under_way {
            then();
        }
    }
}

/// Flashes a device; the exit code. It is 0 too where the device was refused or the transfer failed: the log tells.
#[must_use]
pub fn run(variables: &[(String, String)], place: &Place, log: &mut Log) -> u8 {
    log.say("flash-agent initialized");
    log.say("Environment variables:");
    for (name, value) in variables {
        log.say(format!("{name}={value}"));
    }
    match flash(variables, place, log) {
        Ok(()) => {
            log.say("Done!");
            0
        }
        Err(message) => {
            log.say(message);
            1
        }
    }
}

/// The steps, of which each can end it all with a last word.
fn flash(variables: &[(String, String)], place: &Place, log: &mut Log) -> Result<(), String> {
    let options = Options::parse(variables).map_err(|error| words(&error))?;
    tell(&options, log);
    let firmware = pull(&options).map_err(|error| {
        format!(
            "firmware not found in {}: {}",
            options.firmware,
            words(&error)
        )
    })?;
    log.say(format!("Firmware downloaded, {} bytes", firmware.len()));
    let agent_failed = |error| format!("Error waiting for ota-agent: {}", words(&error));
    // Before the device is told to dial in.
    let agent = Agent::listen(place).map_err(agent_failed)?;
    log.say(format!("Server is listening on {}", place.listen));
    contact(&options, log)
        .map_err(|error| format!("Error performing POST request: {}", words(error.as_ref())))?;
    agent
        .serve(&firmware, &options.attestation, log)
        .map_err(agent_failed)
}

fn tell(options: &Options, log: &mut Log) {
    log.say("Parsed job options");
    for (name, value) in [
        ("Host", options.host.as_str()),
        ("Device", &options.device),
        ("Version", &options.version),
        ("Target Firmware", &options.firmware.to_string()),
        ("Dice Auth Host", &options.attestation),
    ] {
        log.say(format!("\t- {name}: {value}"));
    }
}

/// Tells the device where to dial. Whatever it answers, it was told.
fn contact(options: &Options, log: &mut Log) -> Result<(), Box<dyn Error>> {
    let url: Url = format!("http://{}/update", options.host)
        .parse()
        .map_err(|error: InvalidUrl| Box::new(error))?;
    log.say(format!(
        "Requesting OTA initialization for agent {}",
        options.address
    ));
    let body = protocol::update(options.address);
    let request = Request {
        method: "POST",
        url: &url,
        headers: &[("Content-Type", "text/plain")],
        body: body.as_bytes(),
    };
    match http::send(&request, MAX_ANSWER) {
        Ok(response) => log.say(format!(
            "The device answers with status {}",
            response.status
        )),
        // Small servers close as they like.
        Err(HttpError::Malformed(_) | HttpError::Large(..)) => {
            log.say("The device answers with something else than HTTP");
        }
        Err(error) => return Err(Box::new(error)),
    }
    Ok(())
}

/// An error with its causes, in one line.
pub(crate) fn words(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let all = std::iter::once(error.to_string()).chain(causes.map(ToString::to_string));
    all.collect::<Vec<_>>().join(": ")
}
