//! What a person can do about it: for every reason that waits for somebody, the command that helps. Pure.

use schemars::JsonSchema;
use serde::Serialize;

use super::{DeviceExplanation, Explanation, Known};
use crate::api::Reason;

/// A command, and what it is for.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Advice {
    /// What it is for.
    pub why: String,
    /// The command.
    pub command: String,
}

fn advice(why: &str, command: String) -> Advice {
    Advice {
        why: why.to_owned(),
        command,
    }
}

/// What the commands are about.
struct About<'a> {
    job: &'a str,
    namespace: &'a str,
    class: Option<&'a str>,
    uuid: &'a str,
    pod: Option<&'a str>,
}

/// A name within a command that a person copies into a shell: what no name of an object may hold is not repeated.
fn name<'a>(text: &'a str, stands_for_it: &'a str) -> &'a str {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text
    } else {
        stands_for_it
    }
}

impl About<'_> {
    fn uuid(&self) -> &str {
        name(self.uuid, "UUID")
    }

    fn class(&self) -> &str {
        name(self.class.unwrap_or_default(), "CLASS")
    }

    fn plugin(&self, subcommand: &str) -> String {
        format!(
            "kubectl flashjob {subcommand} {} -n {}",
            self.job, self.namespace
        )
    }

    fn edit(&self) -> String {
        format!("kubectl edit flashjob {} -n {}", self.job, self.namespace)
    }

    fn describe(&self) -> String {
        match self.pod {
            Some(pod) => format!(
                "kubectl describe pod {} -n {}",
                name(pod, "POD"),
                self.namespace
            ),
            None => format!(
                "kubectl describe services,pods -n {} -l uuid={}",
                self.namespace,
                self.uuid()
            ),
        }
    }
}

/// What helps where this is the reason. None where time or the operator ends it.
fn of_reason(reason: Reason, about: &About<'_>) -> Option<Advice> {
    let namespace = about.namespace;
    Some(match reason {
        Reason::AwaitingApproval
        | Reason::ApprovalForOtherRound
        | Reason::ApprovalByRequester => advice(
            "to approve the step",
            about.plugin("approve"),
        ),
        Reason::Suspended => advice("to let it go on", about.plugin("resume")),
        Reason::ClassSuspended => advice(
            "for an administrator, to let all jobs of the class go on",
            format!("kubectl flashjob resume --class {}", about.class()),
        ),
        Reason::FlashClassNotFound => advice(
            "to see which classes there are, and which is the default one",
            "kubectl get flashclasses".into(),
        ),
        Reason::FlashClassInvalid
        | Reason::NamespaceNotAllowed
        | Reason::ImageNotAllowed
        | Reason::FirmwareNotAllowed
        | Reason::FlashImageUnusable
        | Reason::ReceiptKeyUnusable
        | Reason::ReceiptsNotStored
        | Reason::DeviceNotAllowed
        | Reason::GroupFull => advice(
            "to see what the class allows",
            format!(
                "kubectl get flashclass {} -o yaml",
                about.class()
            ),
        ),
        Reason::InvalidSpec
        | Reason::NoDevicesSelected
        | Reason::ValueNotAllowed
        | Reason::ValueConflict
        | Reason::ValuesInvalid
        | Reason::StepAlreadyStarted
        | Reason::WindowTooShort
        | Reason::FirmwareMissing
        | Reason::FirmwareUnusable
        | Reason::PlatformMissing
        | Reason::SignatureMissing
        | Reason::SignatureInvalid
        | Reason::IdentityMismatch
        | Reason::DeviceMismatch => advice("to change the job", about.edit()),
        Reason::SelectionLost => advice(
            "to select anew, apply the job again after",
            format!("kubectl delete flashjob {} -n {namespace}", about.job),
        ),
        Reason::DevicesFailed
        | Reason::StepFailed
        | Reason::MaxFailedDevicesExceeded
        | Reason::Expired => advice(
            "to flash those again that failed or never started",
            about.plugin("retry"),
        ),
        Reason::StepDenied => advice(
            "to let it go on after all",
            about.plugin("approve"),
        ),
        Reason::DeviceNotFound | Reason::DeviceInvalid | Reason::NotSeen => advice(
            "to see what Akri has discovered",
            "kubectl get instances.akri.sh -A -o custom-columns=NAME:.metadata.name,UID:.metadata.uid,\
             ENDPOINT:.spec.brokerProperties.HOST_ENDPOINT,VERSION:.spec.brokerProperties.VERSION"
                .into(),
        ),
        Reason::AddressPending
        | Reason::AddressUnusable
        | Reason::AddressLost
        | Reason::ServiceDeleted => advice(
            "to see what the load balancer says",
            format!("kubectl describe services -n {namespace} -l uuid={}", about.uuid()),
        ),
        Reason::AddressInUse => advice(
            "to see which flash has which address, and which node",
            "kubectl get services,pods -A -o wide -l flashjob.nbfc.io/job-uid".into(),
        ),
        Reason::Unschedulable
        | Reason::ImagePullFailed
        | Reason::PodPending
        | Reason::PodNotStarted => advice("to see what keeps the Pod", about.describe()),
        Reason::QuotaExceeded => advice(
            "to see the quota",
            format!("kubectl describe resourcequota -n {namespace}"),
        ),
        Reason::ChartInvalid => advice(
            "for an administrator, to see what is wrong with the flash chart or its values; the job goes on by itself",
            "kubectl get events -A --field-selector reason=ChartInvalid".into(),
        ),
        Reason::ApproverUnknown => advice(
            "for an administrator, to see whether the API server stamps who approves",
            "kubectl get mutatingadmissionpolicies,mutatingadmissionpolicybindings flashjob-stamps".into(),
        ),
        Reason::AkriNotInstalled => advice(
            "to see whether Akri's kind exists",
            "kubectl get crd instances.akri.sh".into(),
        ),
        _ => return None,
    })
}

/// What can be done about a job: for its own reason and for those of its devices, each once.
pub(super) fn of_job(known: &Known<'_>, explanation: &Explanation) -> Vec<Advice> {
    let mut about = About {
        job: &known.job.name,
        namespace: &known.job.namespace,
        class: explanation.class.as_ref().map(|class| class.name.as_str()),
        uuid: "",
        pod: None,
    };
    let mut all: Vec<Advice> = Vec::new();
    let of_word = |word: &str, about: &About<'_>| of_reason(word.parse().ok()?, about);
    let own = explanation.reason.as_deref();
    let own = own.and_then(|word| of_word(word, &about));
    all.extend(own);
    let groups = explanation.not_begun.iter();
    all.extend(groups.filter_map(|group| of_word(&group.reason, &about)));
    if explanation
        .class
        .as_ref()
        .is_some_and(|class| class.suspended)
    {
        all.extend(of_reason(Reason::ClassSuspended, &about));
    }
    let devices = explanation.in_flight.iter().chain(&explanation.waiting);
    let mut said: Vec<&str> = Vec::new();
    for device in devices {
        if !said.contains(&device.reason.as_str()) {
            said.push(&device.reason);
            about.uuid = &device.uuid;
            all.extend(of_word(&device.reason, &about));
        }
    }
    if let Some(device) = explanation.failed.first() {
        all.push(advice(
            "to see more of a device",
            format!(
                "kubectl flashjob explain {} {} -n {}",
                about.job,
                name(&device.uuid, "UUID"),
                about.namespace
            ),
        ));
    }
    if known.job.is_unseen() {
        all.push(advice(
            "to see whether the operator runs",
            "kubectl get deployments -A -l app.kubernetes.io/name=flashjob-operator".into(),
        ));
    }
    once(all)
}

/// What can be done about a device.
pub(super) fn of_device(known: &Known<'_>, device: &DeviceExplanation) -> Vec<Advice> {
    let class = known.job.status.flash_class.as_ref();
    let about = About {
        job: &known.job.name,
        namespace: &known.job.namespace,
        class: class.map(|class| class.name.as_str()),
        uuid: &device.uuid,
        pod: device.pod.as_deref(),
    };
    let mut all: Vec<Advice> = device
        .reason
        .parse()
        .ok()
        .and_then(|reason| of_reason(reason, &about))
        .into_iter()
        .collect();
    let ended = matches!(device.phase.as_str(), "Failed" | "Succeeded" | "Skipped");
    if let Some(pod) = device.pod.as_deref().filter(|_| !ended) {
        all.push(advice(
            "to see its log",
            format!(
                "kubectl logs {pod} -n {} -c flash-container",
                about.namespace
            ),
        ));
    }
    // What succeeded has no release any more.
    let kept = device.phase != "Succeeded" && device.phase != "Skipped";
    if let Some(release) = device.release.as_deref().filter(|_| kept) {
        all.push(advice(
            "to see its attempts",
            format!("helm history {release} -n {}", about.namespace),
        ));
    }
    once(all)
}

fn once(all: Vec<Advice>) -> Vec<Advice> {
    let mut seen = std::collections::HashSet::new();
    all.into_iter()
        .filter(|advice| seen.insert(advice.command.clone()))
        .collect()
}
