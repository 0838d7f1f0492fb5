//! Who somebody is from one request of a browser to the next: sessions, the secrets that prove them, and their cookies. Pure: keeps what it is
//! given, and takes `now`.

mod cookie;
mod pass;
mod secret;
mod store;
mod token;

pub use cookie::Cookie;
pub use pass::{Pass, Refused};
pub use secret::Secret;
pub use store::{Begun, Full, Sessions};
pub use token::Token;

/// Header that every write of a session has: a form of another page cannot send it.
pub const OWN_HEADER: &str = "x-flashjob-console";
/// What it says.
pub const OWN_VALUE: &str = "1";
