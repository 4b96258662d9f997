//! A package's sources as modules that name one another.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

/// The path of a module from the root of its package, or that of a name in it.
type Names = Vec<String>;

/// The modules of a package, by their paths.
pub(crate) struct House {
    pub(crate) modules: BTreeMap<Names, Module>,
}

/// One file, without its tests.
pub(crate) struct Module {
    /// Its path.
    pub(crate) path: String,
    /// Every path that it names.
    pub(crate) names: Vec<Names>,
    /// Its code without comments and tests.
    pub(crate) code: String,
    /// Names that it imports: each with its path.
    pub(crate) taken: BTreeMap<String, Names>,
    /// Imported names that it re-exports.
    shows: BTreeMap<String, Names>,
}

impl House {
    /// Reads the sources of a package of this repository.
    pub(crate) fn of(package: &str) -> Self {
        let files = sources(package);
        Self::read(
            package,
            files
                .iter()
                .map(|(path, text)| (path.as_str(), text.as_str())),
        )
    }

    /// Takes the files of a package by their paths. Those of tests and those of programs are left out.
    pub(crate) fn read<'a>(package: &str, files: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let is_left_out = |path: &str| {
            path.contains("tests")
                || path.contains("testing")
                || path.starts_with("bin/")
                || path == "main.rs"
        };
        let read = files
            .filter(|(path, _)| !is_left_out(path))
            .map(|(path, text)| {
                let mut name: Names = path
                    .trim_end_matches(".rs")
                    .split('/')
                    .map(Into::into)
                    .collect();
                name.pop_if(|last| last == "mod" || last == "lib");
                (name, Module::read(format!("{package}/{path}"), text))
            });
        Self {
            modules: read.collect(),
        }
    }

    /// Sibling modules that need each other, including everything in them. One line for each circle.
    pub(crate) fn circles(&self) -> Vec<String> {
        let mut needs: BTreeMap<Names, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
        for (from, module) in &self.modules {
            for to in module.names.iter().filter_map(|path| self.find(from, path)) {
                let same = from
                    .iter()
                    .zip(to)
                    .take_while(|(one, other)| one == other)
                    .count();
                // A module may name the module around it, and that one its parts.
                if let (Some(one), Some(other)) = (from.get(same), to.get(same)) {
                    let siblings = needs.entry(from[..same].to_vec()).or_default();
                    siblings.entry(one).or_default().insert(other);
                }
            }
        }
        needs.into_values().filter_map(circle).collect()
    }

    /// The module that defines the item at a path, seen from a module.
    fn find(&self, from: &Names, path: &[String]) -> Option<&Names> {
        let taken = self.modules[from]
            .taken
            .get(&path[0])
            .filter(|_| path.len() > 1);
        if let Some(origin) = taken.filter(|origin| origin[0] != path[0]) {
            return self.find(from, &[origin.as_slice(), &path[1..]].concat());
        }
        let mut module: Names = match path[0].as_str() {
            "crate" => Vec::new(),
            "self" | "super" => from.clone(),
            first
                if self
                    .modules
                    .contains_key(&[from.as_slice(), &[first.to_owned()]].concat()) =>
            {
                from.clone()
            }
            _ => return None,
        };
        let start = |name: &&String| matches!(name.as_str(), "crate" | "self" | "super");
        for _ in path.iter().filter(|name| *name == "super") {
            module.pop();
        }
        let mut rest = path.iter().skip_while(start);
        let mut name = rest.next()?;
        while let deeper = [module.as_slice(), std::slice::from_ref(name)].concat()
            && self.modules.contains_key(&deeper)
        {
            module = deeper;
            name = rest.next()?;
        }
        let (key, here) = self.modules.get_key_value(&module)?;
        match here.shows.get(name) {
            Some(origin) if *origin != path => self.find(key, origin),
            _ => Some(key),
        }
    }
}

/// The files of Rust below a folder of this repository: their paths from there, and their text.
pub(crate) fn sources(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&root).unwrap().to_str().unwrap();
                files.push((below.to_owned(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

impl Module {
    fn read(path: String, text: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut module = Self {
            path,
            names: Vec::new(),
            code: String::new(),
            taken: BTreeMap::new(),
            shows: BTreeMap::new(),
        };
        for item in file.items {
            match item {
                Item::Use(item) => module.take(&item),
                Item::Mod(item) if is_for_tests(&item.attrs) || item.ident == "tests" => {}
                item => {
                    let tokens = item.into_token_stream();
                    module.code += &tokens.to_string().replace(" :: ", "::");
                    collect(tokens, &mut module.names);
                }
            }
        }
        module
    }

    fn take(&mut self, item: &ItemUse) {
        let mut paths = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut paths);
        for path in &mut paths {
            self.code += &format!("{};\n", path.join("::"));
            path.pop_if(|last| last == "self");
            self.taken
                .extend(path.last().map(|name| (name.clone(), path.clone())));
            if !matches!(item.vis, Visibility::Inherited) {
                self.shows
                    .extend(path.last().map(|name| (name.clone(), path.clone())));
            }
        }
        self.names.extend(paths);
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    let mut cfgs = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"));
    cfgs.any(|cfg| cfg.to_token_stream().to_string().contains("test"))
}

/// Each path of a `use`, without new names.
fn flatten(tree: &UseTree, before: &mut Names, paths: &mut Vec<Names>) {
    let mut end = |name: String| paths.push([before.as_slice(), &[name]].concat());
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, paths);
            before.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, paths);
            }
        }
        UseTree::Name(name) => end(name.ident.to_string()),
        UseTree::Rename(name) => end(name.ident.to_string()),
        UseTree::Glob(_) => end("*".into()),
    }
}

/// Each path with `::` in code, including that in macros.
fn collect(tokens: TokenStream, paths: &mut Vec<Names>) {
    let (mut path, mut colons) = (Names::new(), 0);
    for token in tokens {
        match token {
            TokenTree::Punct(sign) if sign.as_char() == ':' => {
                colons += 1;
                continue;
            }
            TokenTree::Ident(name) if colons == 2 => path.push(name.to_string()),
            other => {
                paths.extend(Some(std::mem::take(&mut path)).filter(|path| path.len() > 1));
                match other {
                    TokenTree::Ident(name) => path.push(name.to_string()),
                    TokenTree::Group(group) => collect(group.stream(), paths),
                    _ => {}
                }
            }
        }
        colons = 0;
    }
    paths.extend(Some(path).filter(|path| path.len() > 1));
}

/// The names of those that need each other, if there are any.
fn circle(mut needs: BTreeMap<&str, BTreeSet<&str>>) -> Option<String> {
    // A module that needs nobody is in no circle. Neither is one that needs only such modules, nor one that
    // only such modules need.
    loop {
        let before = needs.len();
        let alive: BTreeSet<&str> = needs.keys().copied().collect();
        needs.retain(|_, others| others.iter().any(|other| alive.contains(other)));
        let needed: BTreeSet<&str> = needs.values().flatten().copied().collect();
        needs.retain(|name, _| needed.contains(name));
        if needs.len() == before {
            break;
        }
    }
    let names: Vec<&str> = needs.into_keys().collect();
    (!names.is_empty()).then(|| names.join(" "))
}
