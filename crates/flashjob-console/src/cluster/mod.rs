//! The only room that makes clients and sends requests: to one API server, each with the token of its caller.

mod address;
mod caller;
mod claim;
mod door;
mod follow;

pub use address::{Address, AddressError};
pub use caller::{Answer, Built, Caller, Desk};
pub use claim::{Claim, Found};
pub use door::{Door, Token};
pub use follow::{Changes, Followed, Part, refused};
