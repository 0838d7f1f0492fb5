//! What `plan` says of the image behind a FlashJob's firmware, as a registry on loopback serves it.

use std::io::Write as _;

use serde_json::{Value, json};

use testbed::{Asking, Params, Space, job::job};

use crate::firmware::Registry;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_says_which_image_the_firmware_is_and_which_devices_it_is_not_for() {
    let space = Space::new("plan-firmware").await;
    let params = Params {
        devices: 2,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let asking = Asking::new(&space);
    let served = Registry::start().await;
    served.push("all", 0, &["esp32", "esp32s3"]);
    served.push("other", 0, &["stm32"]);
    let registry = served.address;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let mut plan = |firmware: &str, more: &[&str]| {
        let spec = json!({"firmware": firmware});
        file.as_file().set_len(0).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        write!(file, "{}", job("future", &fleet.uuids(), &spec)).unwrap();
        asking.plan(&[&["-f", &path], more].concat())
    };

    let (foretold, code) = plan(&format!("{registry}/fleet/esp32:all"), &[]);
    assert_eq!(code, 0, "{foretold:#}");
    let image = &foretold["image"];
    let digest = image["digest"].as_str().unwrap();
    let pinned = format!("{registry}/fleet/esp32@{digest}");
    assert_eq!(image["pinned"], json!(pinned), "{foretold:#}");
    assert_eq!(image["platforms"], json!(["esp32", "esp32s3"]));
    let text = asking.text(&["plan", "-f", &path]);
    assert!(
        text.contains(&format!("which is {digest} now, for esp32, esp32s3")),
        "{text}"
    );

    let (foretold, code) = plan(&format!("{registry}/fleet/esp32:other"), &[]);
    assert_eq!(
        (code, &foretold["image"]["refusal"]["reason"]),
        (3, &json!("PlatformMissing"))
    );
    let message = foretold["image"]["refusal"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("the image has no custom/esp32"),
        "{message}"
    );
    assert!(message.ends_with("it has custom/stm32"), "{message}");

    let (foretold, code) = plan(&format!("{registry}/fleet/esp32:none"), &[]);
    let message = format!("registry {registry} has no image {registry}/fleet/esp32:none");
    assert_eq!(
        foretold["image"]["refusal"],
        json!({"reason": "FirmwareMissing", "message": message})
    );
    assert_eq!(code, 3);

    // What cannot be asked here, the flash Pods may reach in the cluster.
    let (foretold, code) = plan("127.0.0.1:1/fleet/esp32:all", &[]);
    let unknown = foretold["image"]["unknown"].as_str().unwrap();
    assert!(
        unknown.starts_with("registry 127.0.0.1:1: no connection"),
        "{unknown}"
    );
    assert_eq!(code, 0, "{foretold:#}");
    let (foretold, code) = plan(&format!("{registry}/fleet/esp32:other"), &["--no-registry"]);
    assert_eq!((code, &foretold["image"]), (0, &Value::Null));
    asking.assert_wrote_nothing();
}
