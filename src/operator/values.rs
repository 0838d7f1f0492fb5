//! The administrator's values of the flash chart, followed as they change.
//!
//! Without them nothing begins: no device may be flashed with other values than those that are meant for it. Values that were
//! good stay in force when what replaces them is not.

use std::{future::Future, sync::Arc, time::Duration};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};

use super::source::ChartSource;
use crate::{
    api::{Reason, Refusal},
    cluster::watch::{self, Watch, WatchEvent},
    flashjob::{Context, blueprint::FlashPod},
    names::VALUES_KEY,
};

/// How long jobs are not looked at at all, so that none says that values are missing which are about to come.
const FIRST_READ: Duration = Duration::from_secs(10);

/// Follows the administrator's values for as long as the returned future is polled. Where the source names a `ConfigMap`, the
/// flash chart is refused until it was read, which is waited for here, but not for ever.
pub(super) async fn administrators_values(
    ctx: Arc<Context>,
    source: ChartSource,
    namespace: String,
) -> impl Future<Output = ()> + use<> {
    let named = source.config_map.clone();
    let mut watched = named.map(|name| {
        let events = watch::config_map(&ctx.read, &namespace, &name);
        let followed = Followed::new(source, format!("{namespace}/{name}"));
        ctx.set_flash_pod(Err(followed.refuse("was not read yet")));
        (followed, events)
    });
    if let Some((followed, events)) = &mut watched {
        let listed = follow(&ctx, followed, events, true);
        if tokio::time::timeout(FIRST_READ, listed).await.is_err() {
            tracing::error!(
                configmap = followed.config_map,
                "the chart values could not be read yet; nothing begins before they are"
            );
        }
    }
    async move {
        match &mut watched {
            Some((followed, events)) => follow(&ctx, followed, events, false).await,
            None => std::future::pending().await,
        }
    }
}

async fn follow(
    ctx: &Context,
    followed: &mut Followed,
    events: &mut Watch<ConfigMap>,
    until_listed: bool,
) {
    while let Some(watched) = events.next().await {
        let listed = matches!(watched.event, WatchEvent::Listed);
        if let WatchEvent::Failed(error) = &watched.event {
            tracing::warn!(kind = "ConfigMap", error = %error, "watch failed, trying again");
        }
        if let Some(change) = followed.take(watched.event) {
            carry_out(ctx, followed, change);
        }
        if listed && until_listed {
            return;
        }
    }
}

fn carry_out(ctx: &Context, followed: &Followed, change: Change) {
    let configmap = followed.config_map.as_str();
    let refused = !matches!(change, Change::Use(_));
    ctx.metrics.refused_settings("values", usize::from(refused));
    let warn = |note: String| {
        let (about, version) = (followed.reference(), &followed.version);
        ctx.tell_administrators(about, version, (true, Reason::ChartInvalid), note);
    };
    match change {
        Change::Use(flash_pod) => {
            tracing::info!(configmap, "chart values were loaded");
            ctx.set_flash_pod(Ok(Arc::new(*flash_pod)));
        }
        Change::Refuse(refusal) => {
            tracing::error!(configmap, error = refusal.message, "nothing begins");
            warn(format!("no device starts: {}", refusal.message));
            ctx.set_flash_pod(Err(refusal));
        }
        Change::Keep(why) => {
            tracing::error!(
                configmap,
                error = why,
                "chart values cannot be used; the last good ones are kept"
            );
            ctx.metrics.release("chart", "load values", "refused");
            warn(format!("the last good values are kept: {why}"));
        }
    }
}

/// What an event means for the flash chart.
enum Change {
    /// It is this one from now on.
    Use(Box<FlashPod>),
    /// There are no good values: nothing starts, and every job says why.
    Refuse(Refusal),
    /// It stays as it is, and this is why.
    Keep(String),
}

/// What is known of the values.
struct Followed {
    source: ChartSource,
    /// Namespace and name.
    config_map: String,
    /// Its uid, where it was seen.
    uid: Option<String>,
    /// Its resource version then.
    version: String,
    /// Good values are in force.
    good: bool,
    /// The `ConfigMap` exists, by the list that is being read, or was read last.
    exists: bool,
}

impl Followed {
    const fn new(source: ChartSource, config_map: String) -> Self {
        Self {
            source,
            config_map,
            uid: None,
            version: String::new(),
            good: false,
            exists: false,
        }
    }

    fn take(&mut self, event: WatchEvent<ConfigMap>) -> Option<Change> {
        match event {
            WatchEvent::Restarted => self.exists = false,
            WatchEvent::Seen(object) => {
                self.exists = true;
                self.uid = object.metadata.uid;
                self.version = object.metadata.resource_version.unwrap_or_default();
                let values = object.data.and_then(|mut data| data.remove(VALUES_KEY));
                return Some(self.load(values.as_deref()));
            }
            WatchEvent::Deleted(_) => {
                self.exists = false;
                return Some(self.without("was deleted"));
            }
            WatchEvent::Listed if !self.exists => return Some(self.without("does not exist")),
            WatchEvent::Failed(error) if !self.good => {
                return Some(Change::Refuse(
                    self.refuse(&format!("was not read yet: {error}")),
                ));
            }
            WatchEvent::Listed | WatchEvent::NotInstalled | WatchEvent::Failed(_) => {}
        }
        None
    }

    fn load(&mut self, values: Option<&str>) -> Change {
        match self.source.load(values) {
            Ok(flash_pod) => {
                self.good = true;
                Change::Use(Box::new(flash_pod))
            }
            Err(refusal) if self.good => Change::Keep(refusal.message),
            Err(refusal) => Change::Refuse(Refusal {
                reason: Reason::ChartInvalid,
                message: format!("{}; fix ConfigMap {}", refusal.message, self.config_map),
            }),
        }
    }

    /// The `ConfigMap`, for events.
    fn reference(&self) -> ObjectReference {
        let (namespace, name) = self.config_map.split_once('/').unwrap_or_default();
        ObjectReference {
            api_version: Some("v1".into()),
            kind: Some("ConfigMap".into()),
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            uid: self.uid.clone(),
            ..ObjectReference::default()
        }
    }

    fn without(&self, what: &str) -> Change {
        let advice = "helm upgrade of the operator puts it back";
        let refusal = self.refuse(&format!("{what}; {advice}"));
        if self.good {
            Change::Keep(refusal.message)
        } else {
            Change::Refuse(refusal)
        }
    }

    fn refuse(&self, what: &str) -> Refusal {
        Refusal {
            reason: Reason::ChartInvalid,
            message: format!(
                "ConfigMap {}, which holds the values of the flash chart, {what}",
                self.config_map
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::{ApiError, ErrorKind};

    fn values(text: &str) -> WatchEvent<ConfigMap> {
        let object: Value = json!({"data": {VALUES_KEY: text}});
        WatchEvent::Seen(serde_json::from_value(object).expect("a ConfigMap"))
    }

    fn good() -> WatchEvent<ConfigMap> {
        values("podAnnotations: {site: roof}")
    }

    fn bad() -> WatchEvent<ConfigMap> {
        values("podAnnotations: {site: '{{ device.type }'}")
    }

    fn failed() -> WatchEvent<ConfigMap> {
        WatchEvent::Failed(ApiError {
            request: "watch configmaps".into(),
            kind: ErrorKind::Forbidden,
            message: "not for you".into(),
        })
    }

    fn deleted() -> WatchEvent<ConfigMap> {
        WatchEvent::Deleted(ConfigMap::default())
    }

    #[rstest]
    #[case::read(vec![WatchEvent::Restarted, good(), WatchEvent::Listed], "use")]
    #[case::read_without_the_key(vec![WatchEvent::Seen(ConfigMap::default())], "use")]
    #[case::never_there(vec![WatchEvent::Restarted, WatchEvent::Listed], "refuse: does not exist")]
    #[case::made_later(vec![WatchEvent::Restarted, WatchEvent::Listed, good()], "use")]
    #[case::forbidden(vec![failed()], "refuse: was not read yet: cannot watch configmaps: not for you")]
    #[case::read_after_a_failure(vec![failed(), WatchEvent::Restarted, good()], "use")]
    #[case::bad_from_the_beginning(vec![bad()], "refuse: fix ConfigMap")]
    #[case::a_bad_edit(vec![good(), bad()], "keep: values.yaml")]
    #[case::a_mended_one(vec![good(), bad(), good()], "use")]
    #[case::deleted(vec![good(), deleted()], "keep: was deleted")]
    #[case::deleted_unseen(vec![good(), WatchEvent::Restarted, WatchEvent::Listed], "keep: does not exist")]
    #[case::deleted_when_bad(vec![bad(), deleted()], "refuse: was deleted")]
    #[case::forbidden_later(vec![good(), failed()], "use")]
    fn nothing_begins_without_good_values_and_good_ones_stay(
        #[case] events: Vec<WatchEvent<ConfigMap>>,
        #[case] expected: &str,
    ) {
        let source = ChartSource::built_in("values");
        let mut followed = Followed::new(source, "flashjob-system/values".into());
        let changes = events.into_iter().filter_map(|event| followed.take(event));
        let last = match changes.last().expect("a change") {
            Change::Use(_) => "use".to_owned(),
            Change::Refuse(refusal) => format!("refuse: {}", refusal.message),
            Change::Keep(why) => format!("keep: {why}"),
        };
        let (word, what) = expected.split_once(": ").unwrap_or((expected, ""));
        assert!(last.starts_with(word) && last.contains(what), "{last}");
        assert!(
            word == "use"
                || last.contains("flashjob-system/values")
                || last.contains("ConfigMap values"),
            "{last}"
        );
    }
}
