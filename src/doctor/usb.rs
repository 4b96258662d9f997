//! What the system knows of a port: whether it belongs to a USB device, and which other ports that has.

use std::fs;
use std::path::{Path, PathBuf};

/// A USB device with serial ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Usb {
    /// `1e0e:9001`.
    pub(super) id: String,
    /// The interface of the port that was asked about.
    pub(super) own: String,
    /// Every interface, in its order.
    pub(super) interfaces: Vec<Interface>,
}

/// An interface of the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interface {
    /// Two hexadecimal digits.
    pub(super) number: String,
    /// The device file, where there is one.
    pub(super) tty: Option<String>,
    /// What it is for, where that is known.
    pub(super) role: Option<String>,
}

/// Where the system has this information.
pub(super) const SYSFS: &str = "/sys/class/tty";

/// Interfaces that are read: more than any module has.
const INTERFACES: usize = 32;

impl Usb {
    /// The USB device of a port; `None` where it is a port of another kind.
    pub(super) fn of(sysfs: &Path, device: &Path) -> Option<Self> {
        let device = fs::canonicalize(device).ok()?;
        let node = fs::canonicalize(sysfs.join(device.file_name()?).join("device")).ok()?;
        let interface = node
            .ancestors()
            .find(|path| path.join("bInterfaceNumber").exists())?;
        let parent = interface.parent()?;
        let id = format!(
            "{}:{}",
            told(parent, "idVendor")?,
            told(parent, "idProduct")?
        );
        let mut interfaces: Vec<Interface> = fs::read_dir(parent)
            .ok()?
            .flatten()
            .filter_map(|entry| Interface::of(&id, &entry.path()))
            .take(INTERFACES)
            .collect();
        interfaces.sort_by(|one, other| one.number.cmp(&other.number));
        Some(Self {
            own: told(interface, "bInterfaceNumber")?,
            id,
            interfaces,
        })
    }

    /// What the port that was asked about is for.
    pub(super) fn role(&self) -> Option<&str> {
        let mut interfaces = self.interfaces.iter();
        let own = interfaces.find(|interface| interface.number == self.own)?;
        own.role.as_deref()
    }

    /// The device file of the AT port, where it is known.
    pub(super) fn at_port(&self) -> Option<&str> {
        let mut interfaces = self.interfaces.iter();
        let at = interfaces.find(|interface| interface.role.as_deref() == Some(AT))?;
        at.tty.as_deref()
    }
}

impl Interface {
    fn of(id: &str, path: &Path) -> Option<Self> {
        let number = told(path, "bInterfaceNumber")?;
        let named = told(path, "interface").filter(|name| !name.is_empty());
        Some(Self {
            tty: tty(path),
            role: named.or_else(|| role(id, &number).map(str::to_owned)),
            number,
        })
    }
}

const AT: &str = "AT";

/// The purpose of the interfaces in SIMCom's USB compositions, as Linux's driver (`option`) and this program's
/// udev rules have them. Modules leave the factory in 9001; in 9011 two network interfaces precede the ports.
fn role(id: &str, number: &str) -> Option<&'static str> {
    Some(match (id, number) {
        ("1e0e:9001", "00") | ("1e0e:9011", "02") => "diagnostics",
        ("1e0e:9001", "01") | ("1e0e:9011", "03") => "GNSS (NMEA)",
        ("1e0e:9001", "02") | ("1e0e:9011", "04") => AT,
        ("1e0e:9001", "03") | ("1e0e:9011", "05") => "modem (PPP)",
        ("1e0e:9001", "04") => "audio",
        ("1e0e:9001", "05") | ("1e0e:9011", "00" | "01") => "network",
        _ => return None,
    })
}

fn told(path: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(path.join(name)).ok()?;
    Some(text.trim().to_owned())
}

/// `ttyUSB2` is in the interface's directory, `ttyACM0` in a directory `tty` of it.
fn tty(interface: &Path) -> Option<String> {
    let named = |folder: PathBuf| {
        let entries = fs::read_dir(folder).ok()?.flatten();
        let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.find(|name| name.starts_with("tty") && name.len() > 3)
    };
    let name = named(interface.to_owned()).or_else(|| named(interface.join("tty")))?;
    Some(format!("/dev/{name}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A system with a module in composition 9001, from `ttyUSB0` on.
    fn system() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for number in 0..6 {
            let interface = format!("devices/1-1/1-1:1.{number}");
            fs::create_dir_all(at(&interface)).unwrap();
            fs::write(
                at(&format!("{interface}/bInterfaceNumber")),
                format!("0{number}\n"),
            )
            .unwrap();
            if number < 5 {
                let node = format!("{interface}/ttyUSB{number}");
                fs::create_dir_all(at(&node)).unwrap();
                let class = at(&format!("class/ttyUSB{number}"));
                fs::create_dir_all(&class).unwrap();
                symlink(at(&node), class.join("device")).unwrap();
                fs::create_dir_all(at("dev")).unwrap();
                fs::write(at(&format!("dev/ttyUSB{number}")), "").unwrap();
            }
        }
        fs::write(at("devices/1-1/idVendor"), "1e0e\n").unwrap();
        fs::write(at("devices/1-1/idProduct"), "9001\n").unwrap();
        root
    }

    #[test]
    fn the_ports_of_a_module_and_their_roles_are_told() {
        let root = system();
        // A link that udev has made.
        symlink(
            root.path().join("dev/ttyUSB1"),
            root.path().join("dev/simcom"),
        )
        .unwrap();
        let class = root.path().join("class");
        let usb = Usb::of(&class, &root.path().join("dev/simcom")).unwrap();
        assert_eq!(usb.id, "1e0e:9001");
        assert_eq!(usb.role(), Some("GNSS (NMEA)"));
        assert_eq!(usb.at_port(), Some("/dev/ttyUSB2"));
        assert_eq!(usb.interfaces.len(), 6);
        assert_eq!(usb.interfaces[5].tty, None);
        assert_eq!(Usb::of(&class, &root.path().join("dev/none")), None);
    }

    #[test]
    fn a_name_that_the_device_gives_an_interface_counts() {
        let root = system();
        let interface = root.path().join("devices/1-1/1-1:1.3");
        fs::write(interface.join("interface"), "Vendor AT\n").unwrap();
        let class = root.path().join("class");
        let usb = Usb::of(&class, &root.path().join("dev/ttyUSB3")).unwrap();
        assert_eq!(usb.role(), Some("Vendor AT"));
    }
}
