//! How long the operator waits for something of an attempt, at most. Pure.

/// Times that bound what an attempt waits for, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long a Service may be without an address.
    pub address_seconds: i64,
    /// How long a Pod may take to start.
    pub start_seconds: i64,
    /// How long an address is kept after an interrupted transfer: the device must have stopped dialling.
    pub cool_down_seconds: i64,
    /// How long after its deadline a Pod on a lost node is waited for.
    pub lost_seconds: i64,
    /// How long a pending record of a helm command that is not this process's own is left alone: it may be at work elsewhere.
    pub helm_seconds: i64,
    /// First wait after an attempt was given up; it doubles with every try.
    pub retry_seconds: i64,
}
