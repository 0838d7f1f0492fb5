//! The one write of this room: the status of a class.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{
    api::FlashClassStatus,
    cluster::{ApiError, ErrorKind},
    crash::Write,
    flashjob::Context,
};

/// Replaces the status of a class as it was read. One that changed meanwhile is left: its newer form is on its way.
///
/// # Errors
/// When the API server refuses.
pub async fn write_status(
    ctx: &Context,
    metadata: &ObjectMeta,
    status: &FlashClassStatus,
) -> Result<(), ApiError> {
    let request = ctx.writer.replace_class_status(metadata, status);
    match ctx.crash.around(Write::ClassStatus, request).await {
        Err(error) if error.kind == ErrorKind::Conflict || error.is_not_found() => Ok(()),
        other => other,
    }
}
