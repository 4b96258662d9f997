//! Many names of one directory, which one listing tells or single questions do.

use crate::both;
use crate::link::{Link, nasty, on, path};
use simcom_emulator::Knobs;
use simcom_talk::dialogue::Output;
use simcom_talk::dialogue::failure::Finding;
use simcom_talk::dialogue::operation::{Survey, SurveyedName, Task, WantedName};

fn survey(names: &[(&str, Option<u64>)]) -> Task {
    Task::Survey(Survey {
        names: names
            .iter()
            .map(|(name, size)| WantedName {
                path: path(name),
                size: *size,
            })
            .collect(),
        asks: true,
        now: None,
    })
}

fn seen(link: &mut Link, names: &[(&str, Option<u64>)]) -> Vec<SurveyedName> {
    match link.run(on(survey(names)), Vec::new()).result {
        Ok(Output::Surveyed(surveyed)) => surveyed.names,
        other => panic!("{other:?}"),
    }
}

fn sizes(seen: &[SurveyedName]) -> Vec<Option<u64>> {
    seen.iter().map(|seen| seen.size.clone().ok()).collect()
}

fn said(link: &Link, line: &str) -> usize {
    let all = link.written.windows(line.len());
    all.filter(|part| *part == line.as_bytes()).count()
}

/// A link with files of 100, 101, ... bytes.
fn with_files(mut link: Link, many: usize) -> Link {
    for n in 0..many {
        link = link.with_file(&format!("/f{n}"), &nasty(100 + n));
    }
    link
}

#[test]
fn one_listing_tells_of_all() {
    for family in both() {
        let mut link = with_files(Link::new(family, Knobs::default()), 30);
        let names: Vec<_> = (0..30).map(|n| format!("/f{n}")).collect();
        let names: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
        let seen = seen(&mut link, &names);
        let wanted: Vec<_> = (0..30).map(|n| Some(100 + n)).collect();
        assert_eq!(sizes(&seen), wanted, "{family:?}");
        assert!(seen.iter().all(|seen| seen.entry.is_some()));
        assert_eq!(said(&link, "CFTPSSIZE=\""), 0, "{family:?}");
    }
}

#[test]
fn what_the_listing_hides_or_shows_otherwise_is_asked_for() {
    for family in both() {
        let mut link = with_files(Link::new(family, Knobs::default()), 4);
        link.peer().hidden.insert(b"/f1".to_vec());
        let names = [
            ("/f0", Some(100)),
            ("/f1", Some(101)),
            ("/f2", Some(7)),
            ("/none", Some(5)),
        ];
        let seen = seen(&mut link, &names);
        let wanted = [Some(100), Some(101), Some(102), None];
        assert_eq!(sizes(&seen), wanted, "{family:?}");
        let absent = seen[3].size.clone().unwrap_err().finding;
        assert_eq!(absent, Some(Finding::NameAbsent), "{family:?}");
        // The name whose size is as expected is not asked for.
        assert_eq!(said(&link, "CFTPSSIZE=\""), 3, "{family:?}");
    }
}

/// A hidden file of nine bytes is not error nine.
#[test]
fn a_hidden_file_whose_size_is_an_error_code_is_not_absent() {
    for family in both() {
        for size in [9, 12, 421] {
            let mut link = Link::new(family, Knobs::default()).with_file("/f", &nasty(size));
            link.peer().hidden.insert(b"/f".to_vec());
            let seen = seen(&mut link, &[("/f", None), ("/g", None)]);
            let absent = |at: usize| {
                let failure = seen[at].size.clone().err();
                failure.and_then(|failure| failure.finding) == Some(Finding::NameAbsent)
            };
            assert!(!absent(0), "{family:?} {size}: {:?}", seen[0]);
        }
    }
}

#[test]
fn without_their_directory_none_is_there_and_one_is_asked_for() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        let names = [("/none/a", None), ("/none/b", None), ("/none/c", None)];
        let seen = seen(&mut link, &names);
        for seen in &seen {
            let finding = seen.size.clone().unwrap_err().finding;
            assert_eq!(finding, Some(Finding::DirectoryAbsent), "{family:?}");
        }
        assert_eq!(said(&link, "CFTPSSIZE=\""), 1, "{family:?}");
    }
}

#[test]
fn a_server_without_size_is_believed_by_its_listing() {
    for family in both() {
        let mut link = with_files(Link::new(family, Knobs::default()), 2);
        link.peer().knows_size = false;
        let seen = seen(&mut link, &[("/f0", Some(100)), ("/f1", Some(7))]);
        assert_eq!(sizes(&seen), [Some(100), Some(101)], "{family:?}");
    }
}
