//! Every input that fuzzing has saved, without libFuzzer: each goes where it went when it was found.

use std::fs;
use std::path::{Path, PathBuf};

use scopegate_fuzz::TARGETS;

fn saved(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    inputs
}

#[test]
fn every_saved_input_passes() {
    for (target, run) in TARGETS {
        let inputs = saved(target);
        assert!(inputs.len() >= 5, "{target} has {} saved inputs", inputs.len());
        for input in inputs {
            // The last one that is named is the one that failed.
            println!("{}", input.display());
            run(&fs::read(input).unwrap());
        }
    }
}

#[test]
fn every_target_has_its_program_and_its_words() {
    for (target, _) in TARGETS {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        assert!(fuzz.join(format!("fuzz_targets/{target}.rs")).is_file(), "{target}");
        let words = fs::read_to_string(fuzz.join("dictionaries").join(target)).unwrap();
        assert!(words.lines().count() >= 5, "libFuzzer takes no empty dictionary: {target}");
        assert!(words.lines().all(|word| word.len() > 2 && word.starts_with('"') && word.ends_with('"')));
    }
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    assert_eq!(fs::read_dir(programs).unwrap().count(), TARGETS.len());
}
