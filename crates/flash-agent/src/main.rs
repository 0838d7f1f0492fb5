//! The program of the image: see the library.

use std::{net::Ipv4Addr, process::ExitCode, time::Duration};

use flash_agent::{
    Log,
    run::{Place, run},
};

fn main() -> ExitCode {
    let place = Place {
        listen: (Ipv4Addr::UNSPECIFIED, 4433).into(),
        certificates: "/ota/certs".into(),
        patience: Duration::from_secs(20),
    };
    let variables: Vec<_> = std::env::vars_os()
        .map(|(name, value)| {
            let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
            (text(name), text(value))
        })
        .collect();
    let mut log = Log::new(Box::new(std::io::stderr()));
    ExitCode::from(run(&variables, &place, &mut log))
}
