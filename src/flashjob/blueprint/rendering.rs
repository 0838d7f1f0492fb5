//! The objects of an attempt: rendered in process with the current chart or a recorded one, and asked of the guard. Pure.
//!
//! Called by `act` before the writes of an attempt.

use serde_json::Value;

use super::{FlashPod, contract};
use crate::{
    api::{Reason, Refusal},
    flash_pod::{
        guard::{self, Policy, Stage},
        intent::{Intent, Record},
    },
    names::{GROUP, LABEL_JOB_UID, LABEL_ROUND, TRACKING_FINALIZER, VERSION},
};
use helm_chart::{
    Chart,
    engine::{Document, Limits, Program, Release, RenderError, RenderErrorKind, Rendered},
    feature::Feature,
    schema::Schema,
    text::shorten,
    values::coalesce,
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
        let program =
            Program::compile_allowing(chart, &self.features).map_err(|error| Refusal {
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
            .map_err(|error| failed(&error))?;
        if let Some(hook) = rendered.hooks.iter().find(|hook| !hook.is_test) {
            let source = &hook.document.source;
            return Err(Refusal {
                reason: Reason::GuardRefused,
                message: format!(
                    "{source}: values made the object a hook, which only the helm engine runs: take the annotation {HOOK} out of the \
                     values"
                ),
            });
        }
        self.guard(
            &rendered.documents,
            of.intent,
            of.release,
            of.address.is_some(),
        )?;
        Ok(rendered)
    }

    /// Asks the guard about rendered objects, and whether a flash can be made of them; `complete` when the address is known.
    ///
    /// # Errors
    /// What the guard refuses, or what the operator cannot serve.
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
        let hook = |document: &&Document| {
            let annotations = &document.object["metadata"]["annotations"];
            annotations.get(HOOK).is_some()
        };
        for Document { source, object, .. } in documents.iter().filter(hook) {
            if object["kind"] == "Pod" {
                return Err(refused(format!(
                    "{source}: the Pod is a hook: helm would not keep it in the release"
                )));
            }
            if !self.features.allow(Feature::Hooks) {
                return Err(refused(format!(
                    "{source}: an object bears the annotation {HOOK}: hooks are refused unless an administrator allows \
                     them with --chart-allow=hooks (flashPod.chartAllow)"
                )));
            }
        }
        let objects: Vec<guard::Subject<'_>> = documents.iter().map(Into::into).collect();
        let stage = if complete {
            Stage::Complete
        } else {
            Stage::BeforeAddress
        };
        guard::check(&objects, stage, &self.policy_of(intent, release))
            .map_err(|error| refused(error.to_string()))?;
        let name = format!("{release}-{}", intent.attempt_id);
        contract::check(documents, &name, intent.pool_service.is_some()).map_err(|message| {
            Refusal {
                reason: Reason::ChartInvalid,
                message,
            }
        })
    }

    /// Whether this chart, the current one or a recorded one, can be rendered in process; if not, helm may do it.
    ///
    /// # Errors
    /// What in a recorded chart no engine may render.
    pub fn renders(&self, chart: &Chart) -> Result<bool, Refusal> {
        // What the current chart may not use was refused when it was loaded.
        if self.is_current(chart) {
            return Ok(self.native());
        }
        let refused = |message: String| Refusal {
            reason: Reason::ChartInvalid,
            message: format!("the recorded chart: {message}"),
        };
        let checked = match chart.schema.as_deref().map(Schema::compile).transpose() {
            Ok(_) => true,
            Err(error) if error.leaves_it_to_helm() => false,
            Err(error) => return Err(refused(error.to_string())),
        };
        match Program::compile_allowing(chart, &self.features) {
            Ok(_) => Ok(checked),
            Err(error) => match error.forbidden(&self.features) {
                Some(forbidden) => Err(refused(forbidden.to_string())),
                None => Ok(false),
            },
        }
    }

    fn is_current(&self, chart: &Chart) -> bool {
        chart.templates == self.chart.templates
            && chart.files == self.chart.files
            && chart.schema == self.chart.schema
    }

    /// What the guard lets through for one attempt.
    fn policy_of(&self, intent: &Intent, release: &str) -> Policy {
        Policy {
            namespace: intent.job.namespace.clone(),
            release: release.to_owned(),
            attempt: intent.attempt_id.to_string(),
            endpoint: Some(intent.device.endpoint.clone()),
            labels: [
                (LABEL_JOB_UID.to_owned(), intent.job.uid.to_string()),
                (LABEL_ROUND.to_owned(), intent.round.to_string()),
            ]
            .into(),
            owner: Some(guard::Owner {
                api_version: format!("{GROUP}/{VERSION}"),
                kind: "FlashJob".into(),
                name: intent.job.name.clone(),
                uid: intent.job.uid.to_string(),
            }),
            finalizers: vec![TRACKING_FINALIZER.to_owned()],
            ..self.policy.clone()
        }
    }
}

/// Longest message of a chart, in characters: `fail` may say anything.
const MAX_MESSAGE: usize = 4_000;

/// Why a rendering failed: it is the chart's fault where it takes more than a chart may.
fn failed(error: &RenderError) -> Refusal {
    let message = shorten(&error.to_string(), MAX_MESSAGE);
    match error.kind {
        RenderErrorKind::Bound(_) => {
            let Limits {
                steps, size, time, ..
            } = Limits::default();
            let bounds = format!("{steps} steps, {} MiB and {} s", size >> 20, time.as_secs());
            let message = format!(
                "the flash chart cannot be used: {message}; a rendering may take {bounds}: make the chart, or the values that it \
                 works on, smaller"
            );
            Refusal {
                reason: Reason::ChartInvalid,
                message,
            }
        }
        _ => Refusal {
            reason: Reason::RenderFailed,
            message,
        },
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
