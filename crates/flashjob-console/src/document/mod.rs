//! What the API is, for programs and for people: the OpenAPI document, made from the code of the routes, and the page that shows it.

mod crd_schema;
mod kinds;
mod openapi;
mod swagger;
mod words;

pub use kinds::{
    Deletion, DeviceExplanationDocument, ExplanationDocument, FlashClassDocument, FlashClassList,
    FlashJobDocument, FlashJobList, FlashJobPatch, HistoryDocument, InstanceList,
    JobHistoryDocument, PlanDocument, ReleaseListDocument,
};
pub use openapi::{BEARER, document, empty};
pub use swagger::{PAGE, swagger};
