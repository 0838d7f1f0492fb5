//! The console: a REST API over FlashJobs for systems that integrate and for people who send JSON.
//!
//! It has no right of its own: every request goes on to the API server with the caller's credentials, and with nothing else.
//!
//! | room | for |
//! |---|---|
//! | `problem` | what a refusal looks like: RFC 9457 |
//! | `session` | who somebody is from one request of a browser to the next; pure |
//! | `cluster` | the only room that makes clients and sends requests |
//! | `view` | what is said of a job and its devices: made of what the operator's library says; pure |
//! | `route` | one file for each group of routes: asks, shows, writes; decides nothing |
//! | `page` | pages for people, rendered from templates |
//! | `document` | the OpenAPI document and the page that shows it |
//! | `server`, `listener` | all routes with what holds for each of them; connections, and their bounds |
//! | `command_line` | the options of the program, and its life |

pub mod cluster;
pub mod command_line;
pub mod document;
pub mod listener;
pub mod page;
pub mod problem;
pub mod route;
pub mod server;
pub mod session;
pub mod view;
