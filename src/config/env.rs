//! Variables of the environment: `CELLFTPD_SECTION__KEY`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use super::error::Problem;
use super::key::Key;
use super::known::{Known, PREFIX, SEPARATOR};
use super::nearest::nearest;
use super::place::Place;
use super::tree::{Content, Node};

/// Read by the command line, and no key.
const PATH: &str = "CELLFTPD_CONFIG";

/// Lays the variables over the files' values, in the order of their names. A variable that sets no key is told.
pub(super) fn lay_over(
    tree: &mut Node,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    known: &Known,
    problems: &mut Vec<Problem>,
) {
    let own = environment
        .into_iter()
        .filter(|(name, _)| name.as_bytes().starts_with(PREFIX.as_bytes()) && name != PATH);
    let mut own: Vec<_> = own.collect();
    own.sort();
    for (name, value) in own {
        match variable(&name, &value, tree, known) {
            Ok(layer) => tree.lay_over(layer),
            Err(problem) => problems.push(problem),
        }
    }
}

/// The value of a variable, as a layer.
fn variable(name: &OsStr, value: &OsStr, tree: &Node, known: &Known) -> Result<Node, Problem> {
    let place = Place::Variable(Arc::from(name.to_string_lossy()));
    let name = name.to_string_lossy();
    let key = name.strip_prefix(PREFIX).unwrap_or_default().to_lowercase();
    if !key.contains(SEPARATOR) {
        // Others use the prefix too: a cluster sets CELLFTPD_PORT for a service of that name.
        let rule = format!("sets no key{}", advice(&name, known));
        return Err(Problem::at(place, rule).into_warning());
    }
    let mut segments: Vec<String> = key.split(SEPARATOR).map(str::to_owned).collect();
    if let [section, profile, ..] = segments.as_mut_slice()
        && let Some(named) = tree.find(std::slice::from_ref(section))
        && let Some(one) = meant(named, profile)
    {
        *profile = one;
    }
    let key = Key::from(segments);
    let Some(example) = known.example(&key) else {
        let rule = format!("sets no key{}", advice(&name, known));
        return Err(Problem::at(place, rule));
    };
    let Some(text) = value.to_str() else {
        return Err(Problem {
            key,
            ..Problem::at(place, "is no UTF-8")
        });
    };
    let value = typed(text, example, &place);
    Ok(value.nested(&key))
}

/// The profile of the files that a variable means: variables have neither small letters nor hyphens.
fn meant(profiles: &Node, name: &str) -> Option<String> {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let names = profiles.table()?.keys();
    let mut same = names.filter(|known| plain(known) == name);
    match (same.next(), same.next()) {
        (Some(one), None) => Some(one.clone()),
        _ => None,
    }
}

fn advice(name: &str, known: &Known) -> String {
    let variables = known.variables();
    match nearest(name, variables.iter().map(String::as_str)) {
        Some(meant) => format!("; did you mean {meant}?"),
        None => format!("; variables are {PREFIX}SECTION{SEPARATOR}KEY"),
    }
}

/// The text as the type of its key: a password of digits stays text; a number or a list is read as in the file.
fn typed(text: &str, example: &Node, place: &Place) -> Node {
    let as_text = || Node {
        place: Some(place.clone()),
        content: Content::Text(text.to_owned()),
    };
    match example.content {
        Content::Text(_) => as_text(),
        _ => text
            .parse::<toml::Value>()
            .map_or_else(|_| as_text(), |value| Node::of(value, Some(place))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str, text: &str) -> Content {
        let (known, mut tree) = (Known::new(), Node::empty());
        tree.lay_over(Node::empty().nested(&Key::from("servers.Back-Office")));
        let layer = variable(OsStr::new(name), OsStr::new(text), &tree, &known).unwrap();
        fn innermost(node: &Node) -> Content {
            match &node.content {
                Content::Table(entries) => innermost(entries.values().next().unwrap()),
                content => content.clone(),
            }
        }
        innermost(&layer)
    }

    #[test]
    fn a_value_has_the_type_of_its_key() {
        assert!(matches!(
            value("CELLFTPD_MODULE__BAUD", "9600"),
            Content::Whole(9600)
        ));
        assert!(matches!(
            value("CELLFTPD_TRANSFERS__ALLOW_INLINE_SERVERS", "true"),
            Content::Truth(true)
        ));
        let text =
            |content: Content, want: &str| matches!(content, Content::Text(text) if text == want);
        assert!(text(value("CELLFTPD_LISTEN__UNIX_MODE", "0600"), "0600"));
        assert!(text(value("CELLFTPD_BUDGET__PER_DAY", "10MB"), "10MB"));
    }

    #[test]
    fn a_profile_is_found_whatever_letters_its_name_has() {
        let known = Known::new();
        let mut tree = Node::empty();
        tree.lay_over(Node::empty().nested(&Key::from("servers.Back-Office")));
        let mut problems = Vec::new();
        let own = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        let environment = [own("CELLFTPD_SERVERS__BACK_OFFICE__PASSWORD", "0123")];
        lay_over(&mut tree, environment, &known, &mut problems);
        let key = ["servers", "Back-Office", "password"].map(str::to_owned);
        assert!(matches!(&tree.find(&key).unwrap().content, Content::Text(text) if text == "0123"));
        assert_eq!(problems, []);
    }

    #[test]
    fn a_variable_that_sets_nothing_is_told_and_others_are_left_alone() {
        let told = |name: &str| {
            let mut problems = Vec::new();
            let environment = [(OsString::from(name), OsString::new())];
            lay_over(
                &mut Node::empty(),
                environment,
                &Known::new(),
                &mut problems,
            );
            problems.first().map(ToString::to_string)
        };
        assert_eq!(
            told("CELLFTPD_LISTEN_TCP").as_deref(),
            Some(
                "warning: environment variable CELLFTPD_LISTEN_TCP: sets no key; did you mean \
                 CELLFTPD_LISTEN__TCP?"
            )
        );
        assert!(
            told("CELLFTPD_LISTN__TCP")
                .unwrap()
                .contains("CELLFTPD_LISTEN__TCP")
        );
        assert!(
            told("CELLFTPD_PORT_50051_TCP_ADDR")
                .unwrap()
                .contains("SECTION__KEY")
        );
        for name in ["CELLFTPD_CONFIG", "PATH", "OTHER__KEY"] {
            assert_eq!(told(name), None, "{name}");
        }
    }
}
