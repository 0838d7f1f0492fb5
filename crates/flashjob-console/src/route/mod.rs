//! One file for each group of routes: asks, shows, writes; decides nothing.

mod action;
mod around;
mod body;
mod class_action;
mod device;
mod device_log;
mod entity_tag;
mod event;
mod feed;
mod health;
mod job;
mod job_write;
mod order;
mod other;
mod page;
mod place;
mod plan;
mod release;
mod stored;
mod whole;

pub use action::{SUSPENSIONS, dynamic};
pub use around::Around;
pub use device::{OfDevice, find};
pub use device_log::is_live;
pub use page::Page;
pub use place::{
    Name, Namespaced, OfJob, all_jobs, classes, instances, jobs, pods, secrets, services,
};
pub use release::{RECORDS, stored};
pub use whole::{flashjob, whole};

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::cluster::Desk;

/// Every route that the document names.
pub fn routes() -> OpenApiRouter<Desk> {
    OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(job::list, job_write::create))
        .routes(routes!(
            job::get,
            job_write::replace,
            job_write::patch,
            job_write::delete
        ))
        .routes(routes!(plan::plan))
        .routes(routes!(release::releases))
        .routes(routes!(release::of_job))
        .routes(routes!(release::of_device))
        .routes(routes!(device::list))
        .routes(routes!(device::get))
        .routes(routes!(device_log::log))
        .routes(routes!(device::steps))
        .routes(routes!(device::failed))
        .routes(routes!(device::explain))
        .routes(routes!(action::approve))
        .routes(routes!(action::deny))
        .routes(routes!(action::suspend))
        .routes(routes!(action::resume))
        .routes(routes!(action::retry))
        .routes(routes!(action::rerun))
        .routes(routes!(event::follow))
        .routes(routes!(other::instances))
        .routes(routes!(other::flashclasses))
        .routes(routes!(other::flashclass))
        .routes(routes!(class_action::stop))
        .routes(routes!(class_action::resume))
}
