//! The problems that a new user found in the first hour with version 0.1.0, and the tests that
//! prevent them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The problems by number, and their tests.
const TABLE: [(u8, &str, &[&str]); 35] = [
    (
        1,
        "a run that ended cannot be browsed",
        &["misclassified_digits_can_be_browsed_after_any_outcome"],
    ),
    (
        2,
        "a run without --save cannot be used as a model",
        &[
            "a_run_its_directory_and_its_checkpoints_can_be_used_as_models",
            "the_dashboard_saves_the_model_during_and_after_a_run",
        ],
    ),
    (
        3,
        "defaults that do not learn",
        &[
            "values_not_given_are_chosen_and_reported",
            "a_network_that_does_not_learn_is_reported_within_two_epochs",
        ],
    ),
    (4, "[ on a run that ended", &["earlier_epochs_of_an_ended_run_can_be_viewed"]),
    (
        5,
        "no heatmaps until a key is pressed",
        &["weights_of_an_ended_convolutional_run_are_shown_at_once"],
    ),
    (
        6,
        "pasted text stops the run",
        &[
            "pasted_text_only_goes_to_prompts",
            "the_dashboard_offers_to_continue_a_run_that_has_ended",
        ],
    ),
    (
        7,
        "files whose content does not match their extension",
        &[
            "the_extension_of_a_picture_selects_its_format",
            "a_model_is_not_saved_with_a_foreign_extension",
        ],
    ),
    (
        8,
        "text without colours is solid blocks",
        &["pictures_of_a_run_are_written_to_files_and_as_text", "signs_differ_without_colours"],
    ),
    (
        9,
        "checkpoints in the current directory",
        &[
            "checkpoints_of_a_session_are_in_its_own_directory",
            "two_runs_never_share_a_checkpoint_directory",
        ],
    ),
    (
        10,
        "256 and 16 colours",
        &[
            "with_256_colours_weights_are_only_blue_and_orange",
            "lightness_is_monotonic_in_both_directions",
            "sixteen_colours_show_signs_by_colour_and_magnitudes_by_shade",
        ],
    ),
    (
        11,
        "light terminals",
        &[
            "a_light_terminal_is_recognised_even_by_a_late_reply",
            "without_a_reply_colorfgbg_decides_and_arguments_take_precedence",
        ],
    ),
    (12, "tabs without names", &["tabs_keep_their_names_at_80_columns"]),
    (13, "keys in Explore", &["number_keys_and_escape_leave_explore"]),
    (14, "messages and confirmations", &["events_and_requests_are_listed_and_shown"]),
    (15, "curves hide each other", &["curves_that_share_all_their_cells_are_both_seen"]),
    (
        16,
        "charts ignore the mouse",
        &[
            "the_mouse_zooms_a_chart_and_hides_a_curve",
            "smoothing_and_zoom_are_shown_in_the_title",
            "the_x_axis_has_at_least_five_ticks_if_they_fit",
        ],
    ),
    (17, "gradients of one mini-batch", &["means_are_over_the_measured_mini_batches_of_the_epoch"]),
    (18, "help without meanings", &["help_describes_the_view_and_marks_hidden_lines"]),
    (
        19,
        "the recipe is not shown anywhere",
        &[
            "the_recipe_is_shown_by_one_key",
            "the_page_contains_the_whole_recipe",
            "header_and_json_contain_the_whole_recipe",
            "ls_shows_the_differences_between_runs",
        ],
    ),
    (
        20,
        ":epochs 10 on a run that is over",
        &["the_dashboard_offers_to_continue_a_run_that_has_ended"],
    ),
    (
        21,
        "a learning rate of 1e9, and its consequences",
        &["every_example_in_the_help_is_valid", "a_run_can_be_continued_or_branched"],
    ),
    (
        22,
        "large screens half empty, small ones truncated",
        &[
            "views_use_a_large_screen",
            "confusion_counts_are_not_truncated_on_a_small_terminal",
            "an_output_layer_is_drawn_in_rows_as_wide_as_the_view",
        ],
    ),
    (
        23,
        "repeated labels and truncated texts",
        &[
            "labels_are_round_and_distinct",
            "a_legend_wraps_before_names_are_truncated_and_truncated_names_differ",
            "the_command_list_fits_the_longest_command",
        ],
    ),
    (
        24,
        "the Book view",
        &[
            "the_book_view_names_the_experiment_or_lists_them",
            "bounds_are_described_with_their_unit",
        ],
    ),
    (25, "from Confusion to digits and back", &["escape_returns_from_the_digits_of_a_cell"]),
    (
        26,
        "two bests, two costs",
        &["best_accuracies_are_labelled", "costs_say_whether_they_include_the_regularization_term"],
    ),
    (27, "saved models look like runs", &["a_saved_model_does_not_look_like_a_run"]),
    (
        28,
        "Ctrl-Z",
        &[
            "ctrl_z_and_sigtstp_suspend_and_fg_resumes_the_dashboard",
            "ctrl_z_without_a_job_control_shell_is_ignored",
        ],
    ),
    (
        29,
        "unusable terminals, truecolor by the type of the terminal",
        &[
            "an_unusable_terminal_gets_lines_or_an_error",
            "the_terminal_type_is_enough_for_truecolor",
        ],
    ),
    (
        30,
        "completions, manual, aliases, suggestions",
        &[
            "every_shell_gets_completions_of_every_command",
            "there_is_a_manual_page_for_every_command",
            "the_help_of_train_has_examples_and_groups",
            "common_aliases_are_accepted",
            "a_misspelt_value_gets_a_suggestion",
        ],
    ),
    (
        31,
        "advice that does not help",
        &[
            "predict_with_several_digits_suggests_read",
            "doctor_gives_advice_for_the_terminal",
            "a_bad_name_is_rejected_with_the_valid_characters",
        ],
    ),
    (
        32,
        "the end of a run is not announced",
        &["the_window_title_is_set_and_restored", "wait_ends_with_the_run_and_with_its_exit_code"],
    ),
    (
        33,
        "keys without feedback",
        &[
            "unused_keys_are_reported_and_confirmations_can_be_cancelled",
            "a_read_only_client_gets_no_confirmation_to_stop",
            "a_resumed_run_logs_each_epoch_once",
            "one_epoch_is_singular",
        ],
    ),
    (
        34,
        "Chinese",
        &[
            "no_line_of_chinese_begins_with_closing_punctuation",
            "the_message_after_leaving_is_translated",
        ],
    ),
    (35, "one file for any server", &["the_static_binary_runs_in_an_empty_root"]),
];

/// The names of all tests below a directory.
fn tests_below(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut lines = text.lines().map(str::trim);
            while lines.by_ref().any(|line| line == "#[test]") {
                let name = lines.by_ref().find_map(|line| line.strip_prefix("fn "));
                names.extend(name.and_then(|rest| rest.split('(').next()).map(String::from));
            }
        }
    }
}

#[test]
fn every_problem_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    for directory in ["src", "tests/integration"] {
        tests_below(&root.join(directory), &mut names);
    }
    for (at, (number, what, tests)) in (1..).zip(TABLE) {
        assert_eq!(number, at, "{what}");
        assert!(!tests.is_empty(), "{number}: {what}");
        for test in tests {
            assert!(names.contains(*test), "{number}, {what}: there is no test {test}");
        }
    }
}
