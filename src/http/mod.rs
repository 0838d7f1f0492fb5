//! What the process says of itself over HTTP: health, readiness, metrics and the level of its log. Touches no cluster, but that the
//! gate before the metrics asks the API server who somebody is.
//!
//! | listener | path | answer |
//! |---|---|---|
//! | `--http-address` | `/healthz` | 200 while the process serves |
//! | | `/readyz` | 200 while it leads or stands by, else 503 with the reason |
//! | | `/metrics` | metrics as Prometheus reads them, unless `--metrics-secure` |
//! | `--metrics-address`, TLS | `/metrics` | with `--metrics-secure`: metrics, for whom the API server lets `get` them |
//! | `--log-level-address`, loopback | `/loglevel` | the log filter; PUT changes it |

mod gate;
mod listener;
mod local;
mod pages;
mod readiness;
mod tls;

pub use gate::Gate;
pub use listener::{ListenError, Listener};
pub use local::local_pages;
pub use pages::{Pages, guarded_metrics, open_pages};
pub use readiness::Readiness;
pub use tls::{Tls, TlsError};
