//! What the Pod's environment asks for. Pure.

use std::{net::Ipv4Addr, path::PathBuf};

use thiserror::Error;

use crate::reference::{InvalidReference, Reference};

/// What to flash, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `FIRMWARE`: the OCI image that holds the firmware.
    pub firmware: Reference,
    /// `HOST_ENDPOINT`: where the device listens, as an address or address:port.
    pub host: String,
    /// `DEVICE`: architecture of the platform `custom/<DEVICE>`.
    pub device: String,
    /// `VERSION`, which is only logged.
    pub version: String,
    /// `EXTERNAL_IP`: where the device reaches this Pod.
    pub address: Ipv4Addr,
    /// Authority of the attestation service.
    pub attestation: String,
    /// `DOCKER_CONFIG`: directory of the registry's credentials.
    pub docker_config: Option<PathBuf>,
}

/// Why the environment cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EnvironmentError {
    /// A variable is missing.
    #[error("{0} environment variable not set or empty")]
    Missing(&'static str),
    /// The address is something else.
    #[error("EXTERNAL_IP {0:?} is not an IPv4 address: the device reads nothing else")]
    Address(String),
    /// The firmware is something else.
    #[error("FIRMWARE {0:?} is not an image reference: {1}")]
    Firmware(String, InvalidReference),
}

impl Options {
    /// Reads them off a process's environment, in its order.
    ///
    /// # Errors
    ///
    /// Fails on the first variable that is missing, empty or of another form.
    pub fn parse(variables: &[(String, String)]) -> Result<Self, EnvironmentError> {
        let find = |wanted: &str| {
            let mut values = variables
                .iter()
                .filter(|(name, value)| name == wanted && !value.is_empty());
            values.next().map(|(_, value)| value.clone())
        };
        let get = |name: &'static str| find(name).ok_or(EnvironmentError::Missing(name));
        let device = match get("DEVICE")?.as_str() {
            "esp32-s3" => "esp32s3".to_owned(),
            device => device.to_owned(),
        };
        // Akri adds a suffix to the names of properties that it injects itself.
        let host = variables
            .iter()
            .find(|(name, _)| name.contains("HOST_ENDPOINT"))
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
            .ok_or(EnvironmentError::Missing("HOST_ENDPOINT"))?;
        let version = get("VERSION")?;
        let attestation = format!("{}:8000", get("DICE_AUTH_SERVICE_SERVICE_HOST")?);
        let firmware = get("FIRMWARE")?;
        let address = get("EXTERNAL_IP")?;
        Ok(Self {
            firmware: firmware
                .parse()
                .map_err(|error| EnvironmentError::Firmware(firmware.clone(), error))?,
            host,
            device,
            version,
            address: address
                .parse()
                .map_err(|_| EnvironmentError::Address(address))?,
            attestation,
            docker_config: find("DOCKER_CONFIG").map(PathBuf::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const WHOLE: [(&str, &str); 6] = [
        ("HOST_ENDPOINT", "198.51.100.9"),
        ("FIRMWARE", "registry.test/fw:2"),
        ("DEVICE", "esp32s3"),
        ("VERSION", "2"),
        ("EXTERNAL_IP", "192.0.2.7"),
        ("DICE_AUTH_SERVICE_SERVICE_HOST", "192.0.2.8"),
    ];

    fn with(name: &str, value: Option<&str>) -> Result<Options, EnvironmentError> {
        let others = WHOLE.into_iter().filter(|(other, _)| *other != name);
        let variables: Vec<_> = others
            .chain(value.map(|value| (name, value)))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Options::parse(&variables)
    }

    #[test]
    fn a_whole_environment_becomes_options() {
        let options = with("UUID", Some("1-2")).unwrap();
        assert_eq!(
            options,
            Options {
                firmware: "registry.test/fw:2".parse().unwrap(),
                host: "198.51.100.9".to_owned(),
                device: "esp32s3".to_owned(),
                version: "2".to_owned(),
                address: Ipv4Addr::new(192, 0, 2, 7),
                attestation: "192.0.2.8:8000".to_owned(),
                docker_config: None,
            }
        );
    }

    #[rstest]
    #[case("FIRMWARE")]
    #[case("HOST_ENDPOINT")]
    #[case("DEVICE")]
    #[case("VERSION")]
    #[case("EXTERNAL_IP")]
    #[case("DICE_AUTH_SERVICE_SERVICE_HOST")]
    fn a_missing_or_empty_variable_is_named(#[case] name: &'static str) {
        for value in [None, Some("")] {
            let error = with(name, value).unwrap_err();
            assert_eq!(error, EnvironmentError::Missing(name));
        }
    }

    #[rstest]
    #[case::host_name("gateway.test")]
    #[case::ipv6("2001:db8::1")]
    #[case::with_port("192.0.2.7:4433")]
    #[case::leading_zeros("192.000.002.007")]
    fn an_address_that_the_device_cannot_read_is_refused(#[case] address: &str) {
        let error = with("EXTERNAL_IP", Some(address)).unwrap_err();
        assert_eq!(error, EnvironmentError::Address(address.to_owned()));
    }

    #[test]
    fn the_board_name_with_a_dash_is_the_platform_without() {
        let options = with("DEVICE", Some("esp32-s3")).unwrap();
        assert_eq!(options.device, "esp32s3");
    }

    #[test]
    fn the_first_name_that_contains_the_endpoint_s_counts() {
        let mut variables = vec![(
            "HOST_ENDPOINT_A1".to_owned(),
            "198.51.100.1:8080".to_owned(),
        )];
        variables.extend(WHOLE.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let options = Options::parse(&variables).unwrap();
        assert_eq!(options.host, "198.51.100.1:8080");
    }
}
