//! Which image flashes: pinned by its digest and signed by whom a class trusts, as the firmware is.

use rstest::rstest;
use serde_json::json;

use testbed::{Cosign, ImageRegistry, Space, healthy, seconds};

use crate::{
    firmware::{KINDS, PIN, begin},
    signatures::trust,
};

/// Waits for a flash Pod that is none of these, which runs this image; its name.
async fn running(space: &Space, image: &str, known: &[&str]) -> String {
    let query =
        "jsonpath={range .items[*]}{.metadata.name} {.spec.containers[0].image}{'\\n'}{end}";
    space
        .eventually("a flash Pod", seconds(90), async || {
            let pods = space.kubectl(&["get", "pods", "-o", query]);
            let mut others = pods.lines().filter_map(|line| line.split_once(' '));
            let (name, runs) = others.find(|(name, _)| !known.contains(name))?;
            assert_eq!(runs, image);
            Some(name.to_owned())
        })
        .await
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_begins_with_a_signed_flash_image_and_runs_its_digest_though_the_tag_moves(
    #[case] engine: &str,
) {
    let space = Space::new(&format!("flash-image-{engine}")).await;
    let fleet = space.fleet(healthy(2, 2.0)).await;
    let registry = ImageRegistry::start(space.control_plane);
    registry.push("fleet/esp32", "1", 1, &KINDS);
    let image = registry.push("fleet/flasher", "1", 2, &KINDS);
    let ours = registry.key("ours");
    trust(&space, &[("ours.pub", &ours.1)]);
    let written = registry.reference("fleet/flasher", "1");
    // The list names the tag, and means the digest that it stands for.
    let arguments = [PIN, "--engine", engine, "--allowed-flash-images", &written];
    let mut operator = space.operator(&arguments);
    let authority = json!({"name": "release", "key": {"secretName": "keys"}});
    let rules = json!({
        "allowedFlashImages": [written],
        "defaults": {"flashImage": written},
        "flashImageVerification": {"mode": "Enforce", "authorities": [authority]},
    });

    let firmware = registry.reference("fleet/esp32", "1");
    begin(&space, "flash", &firmware, &fleet, &rules);
    let seen = space.waits_for("flash", "FlashImageUnusable").await;
    let words = format!(
        "the flash image {written}: it has no signature; nothing starts: spec.flashImageVerification of FlashClass {}-flash; sign {}, or name \
         another image",
        space.name, image.digest
    );
    assert!(seen.is("Stalled"), "{seen:?}");
    assert_eq!(seen.0["status"]["message"], words);
    assert_eq!(space.births(), 0);

    registry.sign(
        Cosign::Three,
        ("fleet/flasher", &image.digest),
        &ours.0,
        &[],
    );
    space.patch_spec("flash", &json!({"version": "0.3.0"}));
    let pinned = format!("{}/fleet/flasher@{}", registry.address, image.digest);
    let first = running(&space, &pinned, &[]).await;
    registry.push("fleet/flasher", "1", 3, &KINDS);
    // Who leads next knows the frozen digest.
    space.replace(&mut operator, &arguments);
    running(&space, &pinned, &[&first]).await;
    let done = space.finished("flash", 120).await;
    assert!(done.is("Complete"), "{done:?}");
    let told = &done.0["status"]["provenance"]["flashImage"];
    assert_eq!(
        (&told["image"], &told["reference"]),
        (&json!(written), &json!(pinned))
    );
    assert_eq!(told["authority"], "release");
}
