//! What the classes of a job open in the flash chart: value paths, and what the guard lets through. Pure.
//!
//! Called where the flash chart is made ready for a job. What the operator's own settings open is open for every class.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{rules::Rules, terms::Terms};
use crate::{
    api::{FlashImage, Workload},
    flash_pod::guard::{ImagePattern, Policy},
    settings::open_named,
};
use helm_chart::pointer::Pointer;

impl Terms {
    /// The paths that a job may set: those of the operator, and those that all of its classes open.
    #[must_use]
    pub fn value_paths(&self, operators: &[Pointer]) -> Vec<Pointer> {
        let lists = self.rules().map(|(_, rules)| rules.value_paths.clone());
        let common = lists.reduce(|one, other| common_paths(&one, &other));
        operators
            .iter()
            .cloned()
            .chain(common.unwrap_or_default())
            .collect()
    }

    /// Where the classes open values to a job, in words; none where no class holds.
    #[must_use]
    pub fn opens_values(&self) -> Option<String> {
        let names: Vec<&str> = self.classes.iter().map(|class| class.name()).collect();
        let fields = match names.as_slice() {
            [] => return None,
            [name] => format!("spec.allowedValuePaths of FlashClass {name}"),
            names => format!(
                "spec.allowedValuePaths of the FlashClasses {}",
                names.join(" and ")
            ),
        };
        let of_chart = self.classes.iter().any(|class| class.is_default);
        let hint = " (flashPod.allowedValuePaths of the operator's chart)";
        Some(format!("{fields}{}", if of_chart { hint } else { "" }))
    }

    /// What the guard lets through: what the operator allows, and what all of the classes do. Images have to be allowed by
    /// every one of them.
    #[must_use]
    pub fn policy(&self, operators: &Policy) -> Policy {
        let mut policy = operators.clone();
        let nothing = Workload::default();
        let workloads: Vec<&Workload> = self
            .classes
            .iter()
            .map(|class| class.spec.workload.as_ref().unwrap_or(&nothing))
            .collect();
        policy
            .service_accounts
            .extend(common(&workloads, |workload| &workload.service_accounts));
        policy
            .secrets
            .extend(common(&workloads, |workload| &workload.secret_names));
        policy
            .volume_kinds
            .extend(common(&workloads, |workload| &workload.volume_types));
        let kinds = self.rules().map(|(_, rules)| rules.kinds.clone());
        let kinds = kinds.reduce(|mut one, other| {
            one.retain(|kind| other.contains(kind));
            one
        });
        policy.extra_kinds.extend(kinds.unwrap_or_default());
        let images = |rules: &Rules| Some(rules.flash_images.clone()).filter(|it| !it.is_empty());
        policy.further_images = self
            .rules()
            .filter_map(|(_, rules)| images(rules))
            .collect();
        if let Some(image) = self.flash_image() {
            let lists = std::iter::once(&mut policy.images).chain(&mut policy.further_images);
            allow_pinned(lists, image);
        }
        // Only administrators write a class: what its values name, its jobs may use.
        if let Some((_, values)) = self
            .frozen
            .as_ref()
            .and_then(|frozen| frozen.values.as_ref())
        {
            open_named(values, &mut policy);
        }
        policy
    }

    /// A number that changes with everything that is said here, and with that of the chart.
    #[must_use]
    pub fn chart_version(&self, of_chart: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        of_chart.hash(&mut hasher);
        for class in &self.classes {
            (&class.reference.uid, class.reference.generation).hash(&mut hasher);
        }
        let frozen = self.frozen.as_ref().map(|frozen| frozen.stamp().hash);
        frozen.hash(&mut hasher);
        hasher.finish()
    }
}

/// Lets the pinned flash image through where the reference that it was resolved from is allowed.
fn allow_pinned<'a>(lists: impl Iterator<Item = &'a mut Vec<ImagePattern>>, image: &FlashImage) {
    for list in lists {
        let written = list.iter().any(|pattern| pattern.matches(&image.image));
        list.extend(image.reference.parse().ok().filter(|_| written));
    }
}

/// What every list holds.
fn common(workloads: &[&Workload], of: impl Fn(&Workload) -> &Vec<String>) -> Vec<String> {
    let Some((first, others)) = workloads.split_first() else {
        return Vec::new();
    };
    let everywhere = |name: &&String| others.iter().all(|other| of(other).contains(name));
    of(first).iter().filter(everywhere).cloned().collect()
}

/// The paths that both lists open: of two that overlap, the inner one.
fn common_paths(one: &[Pointer], other: &[Pointer]) -> Vec<Pointer> {
    let mut paths = Vec::new();
    for left in one {
        for right in other {
            if left.is_within(right) {
                paths.push(left.clone());
            } else if right.is_within(left) {
                paths.push(right.clone());
            }
        }
    }
    paths
}
