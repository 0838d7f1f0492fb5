//! What the status of a class is made from, picked out of the cache. Reads memory only; called by `controller`.

use std::{collections::BTreeMap, sync::Arc};

use crate::flashclass::{Class, named_class, rights::warning};
use crate::{
    api::{ConditionType, conditions},
    flash_pod::guard::Kind,
    flashjob::observe::cache::Cache,
};

/// A class and how many of its jobs are not finished.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The class.
    pub class: Arc<Class>,
    /// Jobs of it that are not finished.
    pub active_jobs: usize,
    /// What it is told of kinds that it opens and the operator was not set up for.
    pub warning: Option<String>,
}

/// All classes that can be read.
#[must_use]
pub fn observe(cache: &Cache, granted: Option<&[Kind]>) -> Vec<Observed> {
    let mut active: BTreeMap<&str, usize> = BTreeMap::new();
    for job in cache.jobs() {
        let finished = conditions::holds(&job.status.conditions, ConditionType::Finished);
        let class = job
            .asks()
            .and_then(|asks| named_class(&asks, &cache.classes));
        // The name is looked up again: it has to live as long as the classes do.
        let class = class.and_then(|name| cache.classes.get(name));
        if let Some(class) = class.filter(|_| !finished) {
            *active.entry(class.name()).or_default() += 1;
        }
    }
    let classes = cache.classes.all();
    classes
        .map(|class| Observed {
            active_jobs: active.get(class.name()).copied().unwrap_or_default(),
            class: Arc::clone(class),
            warning: granted.and_then(|granted| warning(class, granted)),
        })
        .collect()
}
