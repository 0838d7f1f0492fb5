//! The objects of an attempt: rendered in process with the current chart or a recorded one, and asked of the guard. Pure.
//!
//! Called by `act` before the writes of an attempt.

use serde_json::Value;

use super::FlashPod;
use crate::{
    api::Reason,
    chart::{
        Chart,
        guard::{self, Policy, Stage},
        template::{Document, Limits, Program, Release, Rendered},
        values::coalesce,
    },
    flashjob::memory::Refusal,
    names::{GROUP, LABEL_JOB_UID, LABEL_ROUND, TRACKING_FINALIZER, VERSION},
    release::{Intent, Record},
};

/// Annotation of objects that helm runs at a point of a release's life and does not keep in it.
const HOOK: &str = "helm.sh/hook";

impl FlashPod {
    /// Renders the objects of an attempt with the current chart, and asks the guard.
    ///
    /// # Errors
    /// What in a template failed, or what the guard refuses.
    pub fn objects(
        &self,
        intent: &Intent,
        release: &str,
        revision: u32,
        overrides: &Value,
        address: Option<&str>,
    ) -> Result<Rendered, Refusal> {
        let program = self.program.as_ref().ok_or_else(|| Refusal {
            reason: Reason::ChartInvalid,
            message: self.unsupported.clone().unwrap_or_default(),
        })?;
        let program = program.with_app_version(&intent.version);
        self.render(
            &program,
            &self.chart,
            &Rendering {
                intent,
                release,
                revision,
                overrides,
                address,
            },
        )
    }

    /// Renders the objects of a recorded attempt from its record alone, whatever the current chart is, and asks the guard.
    ///
    /// # Errors
    /// As [`FlashPod::objects`], or that the recorded chart cannot be rendered in process.
    pub fn stored_objects(
        &self,
        record: &Record,
        intent: &Intent,
        address: Option<&str>,
    ) -> Result<Rendered, Refusal> {
        self.rendered(
            &record.chart,
            (intent, &record.name, record.version),
            &record.config,
            address,
        )
    }

    /// Renders the objects of a revision of a release with this chart, the current one or a recorded one, and asks the guard.
    ///
    /// # Errors
    /// As [`FlashPod::stored_objects`].
    pub fn rendered(
        &self,
        chart: &Chart,
        (intent, release, revision): (&Intent, &str, u32),
        overrides: &Value,
        address: Option<&str>,
    ) -> Result<Rendered, Refusal> {
        let rendering = Rendering {
            intent,
            release,
            revision,
            overrides,
            address,
        };
        if self.is_current(chart)
            && let Some(program) = &self.program
        {
            return self.render(
                &program.with_app_version(&intent.version),
                chart,
                &rendering,
            );
        }
        let program = Program::compile(chart).map_err(|error| Refusal {
            reason: Reason::ChartInvalid,
            message: format!("the recorded chart: {error}"),
        })?;
        self.render(&program, chart, &rendering)
    }

    fn render(
        &self,
        program: &Program,
        chart: &Chart,
        of: &Rendering<'_>,
    ) -> Result<Rendered, Refusal> {
        let mut user = of.overrides.as_object().cloned().unwrap_or_default();
        if let Some(address) = of.address {
            user.insert("externalIP".into(), Value::String(address.to_owned()));
        }
        let defaults = chart.values.as_object().cloned().unwrap_or_default();
        let values = Value::Object(coalesce(&defaults, user));
        let release = Release {
            name: of.release.to_owned(),
            namespace: of.intent.job.namespace.clone(),
            revision: of.revision,
            is_install: of.revision == 1,
            is_upgrade: of.revision != 1,
        };
        let rendered = program
            .render(&values, &release, &self.capabilities, &Limits::default())
            .map_err(|error| Refusal {
                reason: Reason::RenderFailed,
                message: error.to_string(),
            })?;
        self.guard(
            &rendered.documents,
            of.intent,
            of.release,
            of.address.is_some(),
        )?;
        Ok(rendered)
    }

    /// Asks the guard about rendered objects; `complete` when the address is known.
    ///
    /// # Errors
    /// What it refuses.
    pub fn guard(
        &self,
        documents: &[Document],
        intent: &Intent,
        release: &str,
        complete: bool,
    ) -> Result<(), Refusal> {
        let refused = |message: String| Refusal {
            reason: Reason::GuardRefused,
            message,
        };
        let hook = |object: &Value| {
            object["kind"] == "Pod" && object["metadata"]["annotations"].get(HOOK).is_some()
        };
        if let Some(pod) = documents.iter().find(|document| hook(&document.object)) {
            return Err(refused(format!(
                "{}: the Pod is a hook: helm would not keep it in the release",
                pod.source
            )));
        }
        let objects: Vec<guard::Subject<'_>> = documents.iter().map(Into::into).collect();
        let stage = if complete {
            Stage::Complete
        } else {
            Stage::BeforeAddress
        };
        guard::check(&objects, stage, &self.policy_of(intent, release))
            .map_err(|error| refused(error.to_string()))
    }

    /// Whether this chart, the current one or a recorded one, can be rendered in process.
    #[must_use]
    pub fn renders(&self, chart: &Chart) -> bool {
        if self.is_current(chart) {
            self.native()
        } else {
            Program::compile(chart).is_ok()
        }
    }

    fn is_current(&self, chart: &Chart) -> bool {
        chart.templates == self.chart.templates && chart.files == self.chart.files
    }

    /// What the guard lets through for one attempt.
    fn policy_of(&self, intent: &Intent, release: &str) -> Policy {
        Policy {
            namespace: intent.job.namespace.clone(),
            release: release.to_owned(),
            attempt: intent.attempt_id.clone(),
            endpoint: Some(intent.device.endpoint.clone()),
            labels: [
                (LABEL_JOB_UID.to_owned(), intent.job.uid.clone()),
                (LABEL_ROUND.to_owned(), intent.round.to_string()),
            ]
            .into(),
            owner: Some(guard::Owner {
                api_version: format!("{GROUP}/{VERSION}"),
                kind: "FlashJob".into(),
                name: intent.job.name.clone(),
                uid: intent.job.uid.clone(),
            }),
            finalizers: vec![TRACKING_FINALIZER.to_owned()],
            ..self.policy.clone()
        }
    }
}

/// How the objects of an attempt are rendered.
struct Rendering<'a> {
    intent: &'a Intent,
    release: &'a str,
    revision: u32,
    overrides: &'a Value,
    /// The Service's address; none leaves the value as it is.
    address: Option<&'a str>,
}
