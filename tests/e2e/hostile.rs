//! What people who may write in a namespace try: with exactly the rights of the built-in role `edit`, and with copied labels.
//!
//! Every attack is one that once worked. The attackers are real users of the API server: they are impersonated, and RBAC decides.

pub mod editor;
mod elsewhere;
mod everywhere;
pub mod forgery;
mod key;
mod lab;
mod labels;
mod pods;
mod records;
mod revisions;
mod upgrade;
