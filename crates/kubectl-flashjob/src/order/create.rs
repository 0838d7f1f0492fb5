//! A job as it is asked for on the command line. Pure.

use std::time::Duration;

use flashjob_operator::{
    api::{Amount, FlashJob, FlashJobSpec, MismatchPolicy, RolloutStep},
    flashjob::forecast::bounds::{Stage, most_failures},
};

use crate::view::device::DeviceRow;

/// Steps that a job may have.
const MOST_STEPS: usize = 20;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Name of the job.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Firmware image.
    pub firmware: String,
    /// Version of it.
    pub version: String,
    /// Type that every device has to have.
    pub device: Option<String>,
    /// Application that every device has to run.
    pub app: Option<String>,
    /// Devices in the order of flashing.
    pub uuids: Vec<String>,
    /// Devices that are flashed at the same time; the next batch begins when all of them have succeeded.
    pub batch: usize,
    /// Wait between two batches.
    pub delay: Duration,
}

/// The devices that can be flashed, of those that were found.
///
/// # Errors
/// Why not all that were named, or none.
pub fn chosen(found: &[DeviceRow], named: &[String]) -> Result<Vec<String>, String> {
    let missing: Vec<&str> = named
        .iter()
        .filter(|uuid| !found.iter().any(|device| device.uuid == **uuid))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "no Instance that you see has the UUID {}; list those that there are: kubectl flashjob devices -A -o wide",
            missing.join(", ")
        ));
    }
    // Of those that were named every one counts; of the others, those that can be flashed.
    let problem = found.iter().find_map(|device| device.problem.as_deref());
    if let Some(problem) = problem.filter(|_| !named.is_empty()) {
        return Err(format!(
            "{problem}; see: kubectl flashjob devices -A -o wide"
        ));
    }
    let usable = found.iter().filter(|device| device.problem.is_none());
    let uuids: Vec<String> = usable.map(|device| device.uuid.clone()).collect();
    if uuids.is_empty() {
        return Err(
            "there is no such device; list those that there are: kubectl flashjob devices -A"
                .into(),
        );
    }
    Ok(uuids)
}

/// The job.
///
/// # Errors
/// When it would have more steps than a job may have.
pub fn job(wanted: &Wanted) -> Result<FlashJob, String> {
    let spec = FlashJobSpec {
        uuid: wanted.uuids.clone(),
        firmware: wanted.firmware.clone(),
        version: wanted.version.clone(),
        device: wanted.device.clone(),
        application_type: wanted.app.clone(),
        mismatch_policy: Some(MismatchPolicy::Fail),
        parallelism: i32::try_from(wanted.batch).ok(),
        steps: steps(wanted.uuids.len(), wanted.batch, wanted.delay)?,
        ..FlashJobSpec::default()
    };
    let mut job = FlashJob::new(&wanted.name, spec);
    job.metadata.namespace = Some(wanted.namespace.clone());
    Ok(job)
}

/// A step for each batch but the last, which is the rest.
fn steps(devices: usize, batch: usize, delay: Duration) -> Result<Vec<RolloutStep>, String> {
    let batch = batch.max(1);
    let batches = devices.div_ceil(batch);
    let steps = batches.saturating_sub(1);
    if steps > MOST_STEPS {
        let least = devices.div_ceil(MOST_STEPS + 1);
        return Err(format!(
            "{devices} devices in batches of {batch} are {batches} batches, and a FlashJob has at most {}: use --batch {least} or more",
            MOST_STEPS + 1
        ));
    }
    let seconds = i64::try_from(delay.as_secs())
        .ok()
        .filter(|seconds| *seconds > 0);
    let step = |number: usize| RolloutStep {
        name: Some(format!("batch-{number}")),
        devices: Amount::Count(i64::try_from(number * batch).unwrap_or(i64::MAX)),
        soak_seconds: seconds,
        require_approval: None,
        max_failed_devices: None,
    };
    Ok((1..=steps).map(step).collect())
}

/// What is going to happen, in a sentence.
pub fn words(wanted: &Wanted) -> String {
    let devices = wanted.uuids.len();
    let batches = devices.div_ceil(wanted.batch.max(1));
    let Wanted {
        firmware,
        version,
        batch,
        ..
    } = wanted;
    let many = if devices == 1 {
        "1 device"
    } else {
        &format!("{devices} devices")
    };
    let what = format!("flashes {many} with {firmware}, version {version}");
    if batches <= 1 {
        return what;
    }
    let seconds = wanted.delay.as_secs();
    format!(
        "{what}, in {batches} batches of {batch} with {seconds} s between them; a device that fails stops the batches after it"
    )
}

/// How many devices a bad firmware can cost at most, in a sentence.
pub fn loss(wanted: &Wanted) -> String {
    let devices = wanted.uuids.len();
    let batch = wanted.batch.max(1);
    let last = devices.div_ceil(batch).saturating_sub(1);
    let stage = |number: usize| Stage {
        devices: batch.min(devices - number * batch),
        // A step that says nothing allows no failure; what follows the last step is held by the job alone.
        limit: (number < last).then_some(0),
        soak_seconds: 0,
    };
    let stages: Vec<Stage> = (0..=last).map(stage).collect();
    match most_failures(&stages, None, batch) {
        1 => "Should the firmware be bad, it costs at most 1 device.".to_owned(),
        most => format!("Should the firmware be bad, it costs at most {most} devices."),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn wanted(devices: usize, batch: usize) -> Wanted {
        Wanted {
            name: "thermo".into(),
            namespace: "demo".into(),
            firmware: "registry.example.com/esp32:1.2.0".into(),
            version: "1.2.0".into(),
            device: Some("esp32s3".into()),
            app: None,
            uuids: (0..devices).map(|number| format!("u-{number}")).collect(),
            batch,
            delay: Duration::from_mins(1),
        }
    }

    #[test]
    fn batches_are_steps_and_the_last_one_is_the_rest() {
        let job = serde_json::to_value(job(&wanted(12, 5)).unwrap()).unwrap();
        let spec = &job["spec"];
        assert_eq!(
            spec["steps"],
            json!([
                {"name": "batch-1", "devices": 5, "soakSeconds": 60}, {"name": "batch-2", "devices": 10, "soakSeconds": 60},
            ])
        );
        assert_eq!(
            (&spec["parallelism"], &spec["mismatchPolicy"]),
            (&json!(5), &json!("Fail"))
        );
        assert_eq!(spec["uuid"].as_array().unwrap().len(), 12);
        assert_eq!(
            job["metadata"],
            json!({"name": "thermo", "namespace": "demo"})
        );
    }

    #[rstest]
    #[case::one_batch(5, 5, Some(0))]
    #[case::all_but_too_many(105, 5, Some(20))]
    #[case::too_many(106, 5, None)]
    fn a_job_has_so_many_batches(
        #[case] devices: usize,
        #[case] batch: usize,
        #[case] expected: Option<usize>,
    ) {
        let made = job(&wanted(devices, batch));
        assert_eq!(made.as_ref().ok().map(|job| job.spec.steps.len()), expected);
        if let Err(refused) = made {
            assert!(refused.ends_with("use --batch 6 or more"), "{refused}");
        }
    }

    #[rstest]
    #[case::one(1, 5, "1 device.")]
    #[case::one_batch(5, 5, "5 devices.")]
    #[case::many(120, 5, "5 devices.")]
    #[case::one_after_the_other(7, 1, "1 device.")]
    fn the_loss_is_that_of_a_batch(
        #[case] devices: usize,
        #[case] batch: usize,
        #[case] most: &str,
    ) {
        let words = loss(&wanted(devices, batch));
        assert_eq!(
            words,
            format!("Should the firmware be bad, it costs at most {most}")
        );
    }

    #[rstest]
    #[case(
        1,
        "flashes 1 device with registry.example.com/esp32:1.2.0, version 1.2.0"
    )]
    #[case(
        12,
        "flashes 12 devices with registry.example.com/esp32:1.2.0, version 1.2.0, in 3 batches of 5 with 60 s between them; \
                a device that fails stops the batches after it"
    )]
    fn what_happens_is_said_in_a_sentence(#[case] devices: usize, #[case] sentence: &str) {
        assert_eq!(words(&wanted(devices, 5)), sentence);
    }
}
