//! The program of the image: see the library.

use std::{io, net::Ipv4Addr, process::ExitCode, time::Duration};

use flash_agent::{
    Log,
    run::{Place, Transfer, run},
};
use signal_hook::{consts::SIGTERM, iterator::Signals};

/// Exit code of a program that ended because it was told to.
const TERMINATED: i32 = 128 + SIGTERM;

fn main() -> ExitCode {
    let place = Place {
        listen: (Ipv4Addr::UNSPECIFIED, 4433).into(),
        certificates: "/ota/certs".into(),
        patience: Duration::from_secs(20),
        transfer: Transfer::default(),
    };
    if let Err(error) = end_when_told(place.transfer.clone()) {
        eprintln!("cannot wait for signals: {error}");
    }
    let variables: Vec<_> = std::env::vars_os()
        .map(|(name, value)| {
            let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
            (text(name), text(value))
        })
        .collect();
    let mut log = Log::new(Box::new(std::io::stderr()));
    ExitCode::from(run(&variables, &place, &mut log))
}

/// Ends the program when it is told to, unless a device receives firmware: that goes on, as long as the kubelet lets it. The first
/// process of a container is not ended by a signal that it does not know.
fn end_when_told(transfer: Transfer) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM])?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            transfer.unless_under_way(|| std::process::exit(TERMINATED));
        }
    });
    Ok(())
}
