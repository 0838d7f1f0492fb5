//! Signs for where something stands. Pure.

use super::Tone;

/// A sign, and its tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icon {
    /// One letter.
    pub sign: &'static str,
    /// Its tone.
    pub tone: Tone,
}

/// It went well.
pub const GOOD: Icon = Icon {
    sign: "✔",
    tone: Tone::Good,
};
/// It failed.
pub const BAD: Icon = Icon {
    sign: "✖",
    tone: Tone::Bad,
};
/// It is under way.
pub const BUSY: Icon = Icon {
    sign: "◌",
    tone: Tone::Busy,
};
/// A person is waited for.
pub const HELD: Icon = Icon {
    sign: "‖",
    tone: Tone::Patient,
};
/// It waits for its turn, or for a time.
pub const PATIENT: Icon = Icon {
    sign: "·",
    tone: Tone::Faint,
};
