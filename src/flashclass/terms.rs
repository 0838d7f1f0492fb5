//! What its classes make of a job, now: why nothing may start, which devices are allowed, and what holds. Pure.
//!
//! Allow rules, ceilings, limits and suspend are those of the classes as they are now; defaults are those that the round began
//! with. Where two classes hold, the rules of both do. Called once a pass and before the writes that begin a flash.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use super::{
    class::Class,
    effective::{OperatorDefaults, effective, flash_image, mismatch_policy},
    freeze::{Frozen, freeze},
    limit::Limit,
    resolve::{Asks, Facts, picked, resolve},
    rules::{Rules, allows},
};
use crate::{
    api::{
        AskedSignatures, ClassDefaults, Effective, FirmwareVerification, FlashImage,
        FlashImageVerification, FlashJobSpec, MismatchPolicy, Provenance, Reason, Receipts,
        Refusal, RegistryAccess, RequireFor, VerdictMarkers, Window,
    },
    device::Device,
    flashclass::{ApprovalRules, ClassPace, ClassSteps},
    provenance::{digest_of, is_sha256},
};

/// See the module's documentation. The default is that of a job that no class says anything about.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// The classes whose rules hold; that of the round first.
    pub classes: Vec<Arc<Class>>,
    /// The defaults of the round, once it has begun.
    pub frozen: Option<Arc<Frozen>>,
    /// Why nothing may start.
    pub refusal: Option<Refusal>,
    /// Why nothing starts for now: a class is suspended.
    pub suspended: Option<String>,
    /// For each class the namespaces whose devices it allows; none where it allows all.
    pub namespaces: Vec<Option<BTreeSet<String>>>,
}

/// What its classes make of a job; `frozen` are the defaults of its current round.
#[must_use]
pub fn terms(asks: &Asks<'_>, frozen: Option<&Arc<Frozen>>, facts: &Facts<'_>) -> Terms {
    let begun = frozen.map(|frozen| Begun::of(frozen));
    terms_of(asks, (frozen, begun.unwrap_or_default()), facts)
}

/// What is known of the firmware of a round that has begun. Before that its registry may still tell what a class asks for.
#[derive(Clone, Copy, Debug, Default)]
struct Begun {
    /// It goes by the firmware's tag.
    by_tag: bool,
    /// Nobody is known to have signed its firmware.
    unsigned: bool,
    /// The digest of its flash image is not known, or not who signed it.
    flash_image: FlashImageFault,
}

/// What is not known of the flash image of a round that has begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FlashImageFault {
    #[default]
    None,
    Unsigned,
    ByTag,
}

impl Begun {
    fn of(frozen: &Frozen) -> Self {
        let firmware = frozen.stored.firmware.as_ref();
        Self {
            by_tag: firmware.is_none(),
            unsigned: firmware.is_none_or(|firmware| firmware.verified_at.is_none()),
            flash_image: match firmware.and_then(|firmware| firmware.flash_image.as_ref()) {
                None => FlashImageFault::ByTag,
                Some(image) if image.authority.is_none() => FlashImageFault::Unsigned,
                Some(_) => FlashImageFault::None,
            },
        }
    }
}

fn terms_of(
    asks: &Asks<'_>,
    (frozen, begun): (Option<&Arc<Frozen>>, Begun),
    facts: &Facts<'_>,
) -> Terms {
    let resolved = resolve(asks, facts);
    let mut terms = Terms {
        classes: resolved.classes,
        frozen: frozen.cloned(),
        ..Terms::default()
    };
    let image = terms.flash_image_of(asks.spec);
    let refused = || {
        let mut rules = terms.rules();
        rules.find_map(|(class, rules)| refuse(class, rules, (asks.spec, begun), image.as_deref()))
    };
    let refusal = resolved.refusal.or_else(refused);
    let namespaces = terms
        .rules()
        .map(|(_, rules)| picked(&rules.device_namespaces, asks.namespace, facts.namespaces));
    terms.namespaces = namespaces.collect();
    terms.refusal = refusal;
    let mut classes = terms.classes.iter();
    terms.suspended = classes.find_map(|class| class.suspension());
    terms
}

/// What its class makes of a job whose round begins now, with the defaults of the class as they are now.
#[must_use]
pub fn beginning(asks: &Asks<'_>, facts: &Facts<'_>) -> Terms {
    let begun = terms(asks, None, facts);
    let frozen = begun.classes.first();
    match frozen.and_then(|class| freeze(class, 1).ok()) {
        Some(frozen) => terms_of(asks, (Some(&Arc::new(frozen)), Begun::default()), facts),
        None => begun,
    }
}

/// What a class does not allow a job as a whole.
fn refuse(
    class: &Class,
    rules: &Rules,
    (spec, begun): (&FlashJobSpec, Begun),
    image: Option<&str>,
) -> Option<Refusal> {
    let name = class.name();
    let ask = format!("ask an administrator, see: kubectl get flashclass {name} -o yaml");
    let refusal = |reason, message| Some(Refusal { reason, message });
    if let Some(image) = image.filter(|image| !allows(&rules.flash_images, image)) {
        let message = format!(
            "FlashClass {name} does not allow the flash image {image}: spec.allowedFlashImages; {ask}"
        );
        return refusal(Reason::ImageNotAllowed, message);
    }
    let firmware = &spec.firmware;
    if !allows(&rules.firmware, firmware) {
        let message = format!(
            "FlashClass {name} does not allow the firmware {firmware}: spec.allowedFirmware; {ask}"
        );
        return refusal(Reason::FirmwareNotAllowed, message);
    }
    // Where the class says what it asks of the image, a digest that the registry tells is as good.
    let asked = class.spec.firmware_verification.as_ref();
    let told = asked.is_some() && !begun.by_tag;
    if class.spec.require_firmware_digest == Some(true) && !told && !has_digest(firmware) {
        let message = format!(
            "FlashClass {name} asks for firmware by digest: write spec.firmware as NAME@sha256:DIGEST, not {firmware}"
        );
        return refusal(Reason::FirmwareNotAllowed, message);
    }
    let enforces = asked.is_some_and(|asked| asked.signatures().are_enforced());
    if enforces && begun.unsigned {
        let message = format!(
            "FlashClass {name} asks for a signature of the firmware (spec.firmwareVerification.mode: Enforce), and the round began without \
             one: nothing more of it starts; a new round is checked first: set spec.rerun"
        );
        return refusal(Reason::FirmwareNotAllowed, message);
    }
    let asked = class.spec.flash_image_verification.as_ref();
    let lacks = asked.is_some_and(|asked| match begun.flash_image {
        FlashImageFault::None => false,
        FlashImageFault::Unsigned => asked.signatures().are_enforced(),
        FlashImageFault::ByTag => true,
    });
    if lacks {
        let message = format!(
            "FlashClass {name} asks for the digest of the flash image, or for its signature (spec.flashImageVerification), and the round began \
             without: nothing more of it starts; a new round is checked first: set spec.rerun"
        );
        return refusal(Reason::ImageNotAllowed, message);
    }
    None
}

fn has_digest(reference: &str) -> bool {
    digest_of(reference).is_some_and(is_sha256)
}

impl Terms {
    /// The classes that can be used, with their rules.
    pub(super) fn rules(&self) -> impl Iterator<Item = (&Class, &Rules)> {
        self.classes
            .iter()
            .filter_map(|class| Some((class.as_ref(), class.rules.as_deref().ok()?)))
    }

    /// Whether a round begins only with a digest.
    #[must_use]
    pub fn requires_digest(&self) -> bool {
        let mut classes = self.classes.iter();
        classes.any(|class| class.spec.require_firmware_digest == Some(true))
    }

    /// Whether a round begins only with an image that has a platform for each device.
    #[must_use]
    pub fn requires_platform(&self) -> bool {
        let mut asked = self.verifications();
        asked.any(|asked| asked.require_platform == Some(true))
    }

    /// How the registry of the firmware is reached: by the first class that says it, which is that of the round.
    #[must_use]
    pub fn registry(&self) -> Option<&RegistryAccess> {
        self.verifications()
            .find_map(|asked| asked.registry.as_ref())
    }

    /// Classes that ask whose signature an image has, with what they ask.
    pub fn signatures(&self) -> impl Iterator<Item = (&str, AskedSignatures<'_>)> {
        let classes = self.classes.iter();
        classes.filter_map(|class| {
            let asked = class.spec.firmware_verification.as_ref()?.signatures();
            asked.are_checked().then_some((class.name(), asked))
        })
    }

    /// Classes that ask for the digest of the flash image, with what else they ask of it.
    pub fn flash_image_checks(&self) -> impl Iterator<Item = (&str, &FlashImageVerification)> {
        let classes = self.classes.iter();
        classes.filter_map(|class| {
            let asked = class.spec.flash_image_verification.as_ref()?;
            Some((class.name(), asked))
        })
    }

    /// The image that the round's flash Pods run, where its digest is known.
    #[must_use]
    pub fn flash_image(&self) -> Option<&FlashImage> {
        self.firmware()?.flash_image.as_ref()
    }

    /// What a class asks of receipts, where one asks for them.
    #[must_use]
    pub fn receipts(&self) -> Option<&Receipts> {
        let mut classes = self.classes.iter();
        classes.find_map(|class| class.spec.receipts.as_ref())
    }

    /// Name of the Secret whose key signs receipts, where a class asks for them.
    #[must_use]
    pub fn receipt_key(&self) -> Option<&str> {
        Some(&self.receipts()?.key_secret_name)
    }

    fn verifications(&self) -> impl Iterator<Item = &FirmwareVerification> {
        let classes = self.classes.iter();
        classes.filter_map(|class| class.spec.firmware_verification.as_ref())
    }

    /// The image that the round flashes, where its digest is known.
    #[must_use]
    pub fn firmware(&self) -> Option<&Provenance> {
        self.frozen.as_ref()?.stored.firmware.as_ref()
    }

    /// What holds of a job with this spec.
    #[must_use]
    pub fn effective(&self, spec: &FlashJobSpec, operator: &OperatorDefaults) -> Effective {
        effective(spec, &self.defaults(), self.all(), operator)
    }

    /// The image of the flash pod of a job with this spec, where the job or its class sets one.
    #[must_use]
    pub fn flash_image_of(&self, spec: &FlashJobSpec) -> Option<String> {
        flash_image(spec, &self.defaults()).cloned()
    }

    /// What a mismatch means for a job with this spec.
    #[must_use]
    pub fn mismatch_policy(&self, spec: &FlashJobSpec) -> MismatchPolicy {
        mismatch_policy(spec, &self.defaults(), self.all())
    }

    fn all(&self) -> impl Iterator<Item = &Class> + Clone {
        self.classes.iter().map(Arc::as_ref)
    }

    /// Frozen where a round has begun; of the class as it is now before that.
    fn defaults(&self) -> Cow<'_, ClassDefaults> {
        let of_class = || self.classes.first()?.spec.defaults.as_ref();
        let frozen = self.frozen.as_ref();
        let said = frozen
            .map(|frozen| &frozen.stored.defaults)
            .or_else(of_class);
        said.map_or_else(Cow::default, Cow::Borrowed)
    }

    /// The class's words of the log, if the round began with a class.
    #[must_use]
    pub fn verdict_markers(&self) -> Option<&VerdictMarkers> {
        self.frozen
            .as_ref()
            .map(|frozen| &frozen.stored.verdict_markers)
    }

    /// Why the classes do not allow a device, if they do not.
    #[must_use]
    pub fn forbid(&self, device: &Device) -> Option<String> {
        self.rules()
            .zip(&self.namespaces)
            .find_map(|((class, rules), namespaces)| {
                let why = if namespaces
                    .as_ref()
                    .is_some_and(|allowed| !allowed.contains(&*device.namespace))
                {
                    "its namespace is not among spec.deviceNamespaces"
                } else if rules.devices.hold(|property| device.property(property)) {
                    return None;
                } else {
                    "its properties do not pass spec.deviceFilter"
                };
                Some(format!(
                    "FlashClass {} does not allow device {} ({}/{}): {why} of the class",
                    class.name(),
                    device.endpoint,
                    device.namespace,
                    device.name
                ))
            })
    }

    /// Limits on devices in flight that share something. They hold for what the job starts, counted over all jobs.
    pub fn in_flight_limits(&self) -> impl Iterator<Item = &Limit> {
        self.rules()
            .flat_map(|(_, rules)| rules.in_flight_limits.iter())
    }

    /// Most devices of the first step, if a class bounds it.
    #[must_use]
    pub fn max_first_step(&self) -> Option<i64> {
        let bounds = self
            .classes
            .iter()
            .filter_map(|class| class.spec.max_first_step_devices);
        bounds.min().map(i64::from)
    }

    /// The windows of each class that has any: one of each list has to be open.
    pub fn windows(&self) -> impl Iterator<Item = &[Window]> {
        let lists = self
            .classes
            .iter()
            .map(|class| class.spec.windows.as_slice());
        lists.filter(|windows| !windows.is_empty())
    }

    /// What the classes add to the order and pace of a job.
    #[must_use]
    pub fn pace(&self) -> ClassPace<'_> {
        ClassPace {
            windows: self.windows().collect(),
            steps: ClassSteps {
                max_first: self
                    .max_first_step()
                    .and_then(|most| usize::try_from(most).ok()),
                require_for: self.require_for(),
            },
            approvals: self.approvals(),
        }
    }

    /// Steps of the round that begin only once somebody has approved, as its class said when it began: their numbers follow from it.
    fn require_for(&self) -> RequireFor {
        let frozen = self.frozen.as_ref();
        let asked = frozen.and_then(|frozen| frozen.stored.require_for);
        asked.unwrap_or_default()
    }

    /// Whose approvals the classes ask for, if they ask: the strictest of each.
    #[must_use]
    pub fn approvals(&self) -> Option<ApprovalRules> {
        let classes = self.classes.iter();
        let asked = classes
            .filter_map(|class| Some((class.name(), class.spec.approvals.as_ref()?)))
            .filter(|(_, asked)| asked.required.is_some() || asked.not_requester == Some(true))
            .map(|(class, asked)| ApprovalRules {
                class: class.to_owned(),
                required: usize::try_from(asked.required.unwrap_or(1)).unwrap_or(1),
                not_requester: asked.not_requester == Some(true),
            });
        asked.reduce(|one, other| ApprovalRules {
            required: one.required.max(other.required),
            not_requester: one.not_requester || other.not_requester,
            ..one
        })
    }
}
