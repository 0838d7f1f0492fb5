//! Whether the process is ready, and if not, what it waits for. A value; written by the operator, shown by `pages`.

/// What `/readyz` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Readiness {
    /// The API server was not reached yet.
    #[default]
    Starting,
    /// The process leads or stands by.
    Ready,
    /// It may not lead, and says why.
    Waiting(String),
}
