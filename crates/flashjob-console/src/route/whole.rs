//! Lists that are read to their end, page by page. Reads only.

use flashjob_operator::{
    api::{FlashJob, Guarded},
    flashjob::spec::job::Job,
};
use kube::{api::ListParams, core::Request};
use serde_json::Value;

use crate::{cluster::Caller, problem::Problem};

/// A FlashJob as the API server has it; none where this version cannot read it.
#[must_use]
pub fn flashjob(object: Value) -> Option<Job> {
    let guard: Guarded<FlashJob> = serde_json::from_value(object).ok()?;
    Job::parse(&guard)
}

/// Hands over every object of a list, at most that many pages of it. Returns whether that was all.
///
/// # Errors
/// When a page cannot be read.
pub async fn whole(
    caller: &Caller,
    objects: &Request,
    page: u32,
    pages: usize,
    mut take: impl FnMut(Value),
) -> Result<bool, Problem> {
    let mut next = None;
    for _ in 0..pages {
        let parameters = ListParams {
            limit: Some(page),
            continue_token: next,
            ..ListParams::default()
        };
        let mut list = caller.ask(objects.list(&parameters)).await?.object;
        if let Value::Array(items) = list["items"].take() {
            items.into_iter().for_each(&mut take);
        }
        let token = list["metadata"]["continue"].as_str().unwrap_or_default();
        if token.is_empty() {
            return Ok(true);
        }
        next = Some(token.to_owned());
    }
    Ok(false)
}
