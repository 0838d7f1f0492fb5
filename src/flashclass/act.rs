//! The one write of this room: the status of a class.

use crate::{
    api::{FlashClass, FlashClassStatus},
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
    object: &FlashClass,
    status: FlashClassStatus,
) -> Result<(), ApiError> {
    let object = FlashClass {
        status: Some(status),
        ..object.clone()
    };
    let request = ctx.writer.replace_class_status(&object);
    match ctx.crash.around(Write::ClassStatus, request).await {
        Err(error) if error.kind == ErrorKind::Conflict || error.is_not_found() => Ok(()),
        other => other,
    }
}
