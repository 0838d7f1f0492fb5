//! The log, which is all that the operator learns of a flash: each message behind the date of Go's logger.

use std::{
    io::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::date::date;

/// Writes messages, each at once: nothing of them is lost however the process ends.
pub struct Log {
    out: Box<dyn Write + Send>,
}

impl Log {
    /// A log that goes there.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out }
    }

    /// Writes one message. A log that cannot be written must not end a flash.
    pub fn say(&mut self, message: impl AsRef<str>) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let line = format!("{} {}\n", date(now.as_secs()), message.as_ref());
        let _ = self.out.write_all(line.as_bytes());
        let _ = self.out.flush();
    }
}
