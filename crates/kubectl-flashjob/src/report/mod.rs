//! What a report for a bug holds: redacted, of bounded size, with a list of what is missing. Pure.

mod archive;
mod redact;

pub use archive::Archive;
pub use redact::Redaction;
