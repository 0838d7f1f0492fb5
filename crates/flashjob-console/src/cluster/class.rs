//! The stop switch of a class, with the caller's rights. Writes.

use flashjob_operator::cluster::{ApiError, ErrorKind, Order, Suspension, own_name, suspend_class};
use http::StatusCode;
use kube::api::DynamicObject;

use super::Caller;
use crate::problem::Problem;

impl Caller {
    /// Suspends a class, or lets it go on; the class as it is then.
    ///
    /// # Errors
    /// When the API server refuses, or another class has the name now.
    pub async fn suspend_class(
        &self,
        class: &DynamicObject,
        suspension: Suspension,
        dry_run: bool,
    ) -> Result<DynamicObject, Problem> {
        self.stands()?;
        let by = match suspension {
            Suspension::Stop => own_name(self.client()).await,
            Suspension::Release | Suspension::Overrule => None,
        };
        let order = Order {
            suspension,
            by: by.as_deref(),
            dry_run,
        };
        let ordered = suspend_class(self.client(), class, order).await;
        ordered.map_err(|error| of_library(&error))
    }
}

/// The problem that an error of the operator's library is.
fn of_library(error: &ApiError) -> Problem {
    let code = match error.kind {
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict | ErrorKind::AlreadyExists | ErrorKind::NamespaceTerminating => {
            StatusCode::CONFLICT
        }
        ErrorKind::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Forbidden | ErrorKind::QuotaExceeded | ErrorKind::AdmissionDenied => {
            StatusCode::FORBIDDEN
        }
        ErrorKind::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Gone => StatusCode::GONE,
        ErrorKind::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::AdmissionUnavailable
        | ErrorKind::Unreachable
        | ErrorKind::Unavailable
        | ErrorKind::NotLeader => StatusCode::BAD_GATEWAY,
    };
    Problem::new(code, error.to_string())
}
