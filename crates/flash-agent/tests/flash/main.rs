//! The agent against simulated devices on loopback: what the device keeps, and what the log and the exit code say.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod world;

use std::{net::TcpListener, time::Duration};

use rstest::rstest;
use sim_device::{fault::Fault, firmware, identity};

use world::{WHOLE, World, address, at, lines, owned, post};

const PATIENT: Duration = Duration::from_secs(10);
const IMPATIENT: Duration = Duration::from_millis(300);

#[test]
fn a_device_ends_with_the_bytes_of_its_board_and_says_the_new_version() {
    let world = World::new(Fault::None, 1_500_000);
    let (code, said) = world.flash(&world.variables(), PATIENT);
    assert_eq!(
        (code, said.markers()),
        (0, WHOLE.map(str::to_owned).into()),
        "{}",
        said.text()
    );
    world.until(|device| device.version() == "2.0.0");
    let proof = world.device.proof();
    assert_eq!(proof.memory, Some(firmware::hash(&world.firmware)));
    assert_eq!((proof.updates, proof.overlaps, proof.boots), (1, 0, 1));
}

#[test]
fn the_environment_is_logged_before_anything_that_counts() {
    let world = World::new(Fault::None, 1000);
    let (_, said) = world.flash(&world.variables(), PATIENT);
    let text = said.text();
    let place = |words: &str| {
        text.find(words)
            .unwrap_or_else(|| panic!("{words}: {text}"))
    };
    assert!(place(" DEVICE=esp32s3\n") < place(" \t- Device: esp32s3\n"));
    assert!(place(" \t- Device: esp32s3\n") < place("Verified device"));
}

#[rstest]
#[case::slow(Fault::Slow(400_000), &WHOLE, true)]
#[case::old_version(Fault::OldVersion, &WHOLE, true)]
#[case::swapped(Fault::Swapped, &WHOLE, true)]
#[case::lying(Fault::Lying, &WHOLE, false)]
#[case::cut_off_at_once(Fault::Cut(0), &["Verified device", "Could not apply OTA"], false)]
#[case::cut_off_in_the_middle(Fault::Cut(60_000), &["Verified device", "Could not apply OTA"], false)]
#[case::cut_off_before_its_farewell(Fault::Cut(120_000), &["Verified device", "Could not apply OTA"], false)]
fn the_log_says_sent_exactly_where_the_device_read_everything(
    #[case] fault: Fault,
    #[case] markers: &[&str],
    #[case] kept: bool,
) {
    let world = World::new(fault, 120_000);
    let (code, said) = world.flash(&world.variables(), PATIENT);
    assert_eq!(
        (code, said.markers().as_slice()),
        (0, owned(markers).as_slice()),
        "{}",
        said.text()
    );
    world.until(|device| device.proof().received > 0 || fault == Fault::Cut(0));
    let memory = kept.then(|| firmware::hash(&world.firmware));
    assert_eq!(world.device.proof().memory, memory);
}

#[test]
fn a_device_that_is_not_registered_is_refused_with_exit_code_0() {
    let world = World::with(1000, |settings| {
        settings.identity = identity::attestation("stranger");
    });
    let (code, said) = world.flash(&world.variables(), PATIENT);
    assert_eq!(
        (code, said.markers()),
        (0, vec!["Not verified device".to_owned()])
    );
    assert_eq!(world.device.proof().received, 0);
}

#[test]
fn a_device_is_refused_where_the_attestation_service_does_not_answer() {
    let world = World::new(Fault::None, 1000);
    let nobody = address().to_string();
    let (code, said) = world.flash(
        &world.changed("DICE_AUTH_SERVICE_SERVICE_HOST", &nobody),
        PATIENT,
    );
    assert_eq!(
        (code, said.markers()),
        (0, vec!["Not verified device".to_owned()])
    );
}

#[test]
fn a_device_that_says_nothing_is_given_up() {
    let world = World::new(Fault::Mute, 1000);
    let (code, said) = world.flash(&world.variables(), IMPATIENT);
    let markers = [
        "Timeout reached before receiving enough data",
        "Failed to read from client",
    ];
    assert_eq!(
        (code, said.markers()),
        (0, markers.map(str::to_owned).into())
    );
}

#[test]
fn something_else_than_a_certificate_is_the_agent_s_end() {
    let world = World::new(Fault::Garbage, 1000);
    let (code, said) = world.flash(&world.variables(), PATIENT);
    assert_eq!(
        (code, said.markers()),
        (1, vec!["Error waiting for ota-agent".to_owned()])
    );
}

#[test]
fn a_device_that_nobody_reaches_is_an_error_of_the_request() {
    let world = World::new(Fault::None, 1000);
    // Bound, not listening for HTTP any more: refused.
    let closed = TcpListener::bind(at(world.address, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let (code, said) = world.flash(
        &world.changed("HOST_ENDPOINT", &closed.to_string()),
        PATIENT,
    );
    assert_eq!(
        (code, said.markers()),
        (1, vec!["Error performing POST request".to_owned()])
    );
}

#[rstest]
#[case::of_another_tag("fw/sensor:9", "status 404")]
#[case::of_another_repository("fw/other:2.0.0", "status 404")]
fn firmware_that_is_missing_is_named_before_the_device_is_told(
    #[case] image: &str,
    #[case] cause: &str,
) {
    let world = World::new(Fault::None, 1000);
    let firmware = format!("{}/{image}", world.registry.address());
    let (code, said) = world.flash(&world.changed("FIRMWARE", &firmware), PATIENT);
    assert_eq!(
        (code, said.markers()),
        (1, vec!["firmware not found in".to_owned()])
    );
    assert!(said.text().contains(cause), "{}", said.text());
    assert_eq!(world.device.proof().updates, 0);
}

#[test]
fn a_board_that_the_image_has_nothing_for_is_named_with_those_that_it_has() {
    let world = World::new(Fault::None, 1000);
    let (code, said) = world.flash(&world.changed("DEVICE", "esp32c6"), PATIENT);
    assert_eq!(
        (code, said.markers()),
        (1, vec!["firmware not found in".to_owned()])
    );
    let cause = "it has no platform custom/esp32c6, only custom/esp32, custom/esp32s3";
    assert!(said.text().contains(cause), "{}", said.text());
}

#[test]
fn a_missing_variable_ends_it_before_anything_is_asked() {
    let world = World::new(Fault::None, 1000);
    let (code, said) = world.flash(&world.changed("VERSION", ""), PATIENT);
    assert_eq!((code, said.markers()), (1, Vec::new()));
    assert!(
        said.text()
            .ends_with("VERSION environment variable not set or empty\n")
    );
    assert_eq!(world.device.proof().updates, 0);
}

#[rstest]
#[case::dumb(Fault::Dumb, 0)]
#[case::with_another_pin(Fault::OtherPin, 20)]
fn an_agent_waits_for_ever_for_a_device_that_does_not_get_through(
    #[case] fault: Fault,
    #[case] dials: u32,
) {
    let world = World::new(fault, 1000);
    let lines = lines(&world, &world.place(PATIENT));
    world.until(|device| (device.proof().updates, device.proof().dials) == (1, dials));
    let silence = Duration::from_millis(500);
    let all: Vec<_> = std::iter::from_fn(|| lines.recv_timeout(silence).ok()).collect();
    assert!(
        all.last()
            .unwrap()
            .ends_with("Waiting for a connection...\n"),
        "{all:?}"
    );
    assert!(
        !all.iter().any(|line| line.contains("erified device")),
        "{all:?}"
    );
}

#[test]
fn a_device_that_dials_before_the_agent_listens_comes_back() {
    let world = World::new(Fault::None, 1000);
    let told = format!("ip: {}", world.address);
    post(world.endpoint, &told);
    world.until(|device| device.proof().dials > 2);
    let (code, said) = world.flash(&world.variables(), PATIENT);
    assert_eq!((code, said.markers()), (0, WHOLE.map(str::to_owned).into()));
    world.until(|device| device.version() == "2.0.0");
    assert_eq!(world.device.proof().overlaps, 1);
}

#[test]
fn an_address_that_is_too_long_crashes_the_device_and_is_never_sent_by_the_agent() {
    let world = World::new(Fault::None, 1000);
    post(world.endpoint, "ip: 2001:db8:1:2:3:4:5:6");
    assert_eq!(world.device.proof().overflows, 1);
    let (code, _) = world.flash(
        &world.changed("EXTERNAL_IP", "2001:db8:1:2:3:4:5:6"),
        PATIENT,
    );
    assert_eq!((code, world.device.proof().updates), (1, 1));
}

#[rstest]
#[case::while_it_waits(Fault::Dumb, "Waiting for a connection...", true)]
#[case::while_it_sends(Fault::Slow(4000), "Verified device", false)]
fn an_agent_may_be_ended_until_its_device_is_verified(
    #[case] fault: Fault,
    #[case] word: &str,
    #[case] may: bool,
) {
    let world = World::new(fault, 2000);
    let place = world.place(PATIENT);
    let lines = lines(&world, &place);
    assert!(lines.iter().any(|line| line.trim_end().ends_with(word)));
    let mut ended = false;
    place.transfer.unless_under_way(|| ended = true);
    assert_eq!(ended, may);
}
