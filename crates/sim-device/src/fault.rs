//! How a device fails.

use std::str::FromStr;

use thiserror::Error;

/// What is wrong with a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It reads that many bytes a second.
    Slow(u32),
    /// It accepts to update, and never dials in.
    Dumb,
    /// It dials in and says nothing.
    Mute,
    /// It sends something else than a certificate.
    Garbage,
    /// It has pinned the certificate of somebody else.
    OtherPin,
    /// It is gone after that many bytes of the firmware.
    Cut(usize),
    /// It receives everything, keeps nothing, and claims the new version.
    Lying,
    /// It keeps what it received, and comes back with the version it had.
    OldVersion,
    /// From the flash on a device of another type answers.
    Swapped,
}

/// A text that names no fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not a fault: expected none, slow:BYTES, dumb, mute, garbage, other-pin, cut:BYTES, lying, old-version or swapped"
)]
pub struct UnknownFault(String);

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownFault(text.to_owned());
        Ok(match text.split_once(':') {
            Some(("slow", bytes)) => Self::Slow(bytes.parse().map_err(|_| unknown())?),
            Some(("cut", bytes)) => Self::Cut(bytes.parse().map_err(|_| unknown())?),
            Some(_) => return Err(unknown()),
            None => match text {
                "none" => Self::None,
                "dumb" => Self::Dumb,
                "mute" => Self::Mute,
                "garbage" => Self::Garbage,
                "other-pin" => Self::OtherPin,
                "lying" => Self::Lying,
                "old-version" => Self::OldVersion,
                "swapped" => Self::Swapped,
                _ => return Err(unknown()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("none", Ok(Fault::None))]
    #[case("slow:2000", Ok(Fault::Slow(2000)))]
    #[case("cut:0", Ok(Fault::Cut(0)))]
    #[case("cut", Err(UnknownFault("cut".to_owned())))]
    #[case("slow:fast", Err(UnknownFault("slow:fast".to_owned())))]
    fn a_fault_is_named_in_one_word(#[case] text: &str, #[case] want: Result<Fault, UnknownFault>) {
        assert_eq!(text.parse(), want);
    }
}
