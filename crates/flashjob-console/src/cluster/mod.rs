//! The only room that makes clients and sends requests: to one API server, each with the credentials of its caller.

mod address;
mod caller;
mod claim;
mod class;
mod desk;
mod door;
mod follow;
mod log;
mod right;

pub use address::{Address, AddressError};
pub use caller::{Answer, Built, Caller};
pub use claim::{Claim, Found};
pub use desk::{Desk, Entered, OPERATOR_NAMESPACE};
pub use door::Door;
pub use follow::{Changes, Followed, Part, refused};
pub use log::{Lines, end_of};
pub use right::Rights;
