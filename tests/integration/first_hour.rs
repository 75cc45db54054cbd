//! What a stranger met in the first hour with version 0.1.0, and the tests that keep it repaired.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What was met, by its number in the list, and the tests of it.
const TABLE: [(u8, &str, &[&str]); 35] = [
    (
        1,
        "a run that ended cannot be browsed",
        &["whatever_ended_a_run_its_errors_can_be_leafed_through"],
    ),
    (
        2,
        "a run without --save is no model",
        &[
            "a_run_its_directory_and_its_checkpoints_are_models",
            "the_dashboard_saves_the_model_to_a_file_live_and_at_rest",
        ],
    ),
    (
        3,
        "defaults that never learn",
        &[
            "values_not_given_are_chosen_and_reported",
            "a_network_that_does_not_learn_is_reported_within_two_epochs",
        ],
    ),
    (4, "[ on a run that ended", &["a_run_that_ended_is_gone_back_through_epoch_by_epoch"]),
    (
        5,
        "no maps until a key is pressed",
        &["the_maps_of_a_convolutional_run_that_ended_are_there_without_a_key"],
    ),
    (
        6,
        "what is pasted stops the run",
        &[
            "pasted_text_goes_to_a_prompt_or_nowhere",
            "the_dashboard_of_a_run_that_is_over_offers_to_go_on",
        ],
    ),
    (
        7,
        "files of another kind than their endings say",
        &[
            "a_picture_is_what_its_ending_says_and_other_endings_are_refused",
            "a_model_is_not_written_under_the_name_of_something_else",
        ],
    ),
    (
        8,
        "text without colours is solid blocks",
        &["a_run_is_drawn_into_files_and_as_text_without_colours", "signs_differ_without_colours"],
    ),
    (
        9,
        "checkpoints in the current directory",
        &[
            "checkpoints_of_a_session_lie_in_its_own_directory",
            "no_two_runs_write_one_directory_of_checkpoints",
        ],
    ),
    (
        10,
        "256 and 16 colours",
        &[
            "with_256_colours_weights_are_blue_and_orange_and_nothing_else",
            "lightness_leaves_the_background_steadily_towards_both_ends",
            "sixteen_colours_tell_signs_by_colour_and_sizes_by_shade",
        ],
    ),
    (
        11,
        "light terminals",
        &[
            "a_light_terminal_is_recognised_by_its_answer_however_late_it_comes",
            "without_an_answer_colorfgbg_decides_and_an_argument_always_does",
        ],
    ),
    (12, "tabs without names", &["tabs_keep_their_names_at_80_columns"]),
    (13, "keys in Explore", &["numbers_open_views_out_of_explore_and_escape_leaves_it"]),
    (14, "messages and confirmations", &["events_and_requests_are_listed_and_shown"]),
    (15, "curves hide each other", &["curves_that_share_all_their_cells_are_both_seen"]),
    (
        16,
        "charts ignore the mouse",
        &[
            "the_mouse_zooms_a_chart_and_hides_a_curve",
            "smoothing_and_zoom_tell_their_mode",
            "the_x_axis_has_five_ticks_or_more_where_there_is_room",
        ],
    ),
    (
        17,
        "gradients of one mini-batch",
        &["the_means_are_those_of_all_mini_batches_measured_in_the_epoch"],
    ),
    (
        18,
        "help without meanings",
        &["help_begins_with_what_there_is_to_see_and_marks_what_does_not_fit"],
    ),
    (
        19,
        "the recipe stands nowhere",
        &[
            "the_recipe_is_one_key_away",
            "the_page_has_the_whole_recipe",
            "the_whole_recipe_stands_in_header_and_json",
            "ls_shows_what_differs_from_run_to_run",
        ],
    ),
    (
        20,
        ":epochs 10 on a run that is over",
        &["the_dashboard_of_a_run_that_is_over_offers_to_go_on"],
    ),
    (
        21,
        "a learning rate of 1e9, and what follows",
        &[
            "every_example_in_the_help_is_right",
            "a_run_goes_further_or_branches_off_as_a_run_of_its_own",
        ],
    ),
    (
        22,
        "large screens half empty, small ones cut",
        &[
            "views_use_a_large_screen",
            "no_number_of_the_confusion_matrix_is_cut_on_a_small_terminal",
            "an_output_layer_is_drawn_in_rows_as_wide_as_the_view",
        ],
    ),
    (
        23,
        "labels that repeat, and texts that are cut",
        &[
            "labels_are_round_and_tell_one_from_another",
            "a_legend_takes_several_rows_before_names_are_cut_and_cut_names_differ",
            "the_list_of_commands_has_room_for_the_longest",
        ],
    ),
    (
        24,
        "the Book view",
        &["the_book_view_names_the_experiment_or_lists_them", "a_bound_has_its_unit"],
    ),
    (25, "from Confusion to digits and back", &["escape_leads_back_from_the_digits_of_a_cell"]),
    (
        26,
        "two bests, two costs",
        &[
            "both_bests_say_of_what_they_are",
            "costs_say_whether_the_regularization_term_is_in_them",
        ],
    ),
    (27, "saved models look like runs", &["a_saved_model_does_not_look_like_a_run"]),
    (
        28,
        "Ctrl-Z",
        &[
            "ctrl_z_and_sigtstp_give_the_terminal_to_the_shell_and_fg_brings_the_dashboard_back",
            "ctrl_z_without_a_job_control_shell_is_ignored",
        ],
    ),
    (
        29,
        "terminals that cannot be drawn on, truecolor by name",
        &[
            "a_terminal_that_cannot_be_drawn_on_gets_lines_or_a_sentence",
            "the_name_of_a_terminal_is_enough_for_truecolor",
        ],
    ),
    (
        30,
        "completions, manual, aliases, suggestions",
        &[
            "every_shell_gets_completions_of_every_command",
            "there_is_a_manual_page_for_every_command",
            "the_help_of_train_has_examples_and_groups",
            "aliases_that_people_type_mean_what_they_say",
            "a_misspelt_value_is_answered_with_the_one_that_was_meant",
        ],
    ),
    (
        31,
        "advice that does not help",
        &[
            "several_digits_given_to_predict_are_told_of_read",
            "doctor_advises_what_helps_on_this_terminal",
            "a_bad_name_is_told_which_letters_are_good",
        ],
    ),
    (
        32,
        "nothing tells that a run ended",
        &[
            "the_window_has_a_title_while_the_dashboard_is_there",
            "wait_ends_with_the_run_and_with_its_exit_code",
        ],
    ),
    (
        33,
        "keys without an answer",
        &[
            "keys_without_a_use_say_so_and_questions_can_be_left",
            "a_read_only_client_is_not_asked_whether_to_stop",
            "a_resumed_run_tells_no_epoch_twice_in_its_log",
            "one_epoch_is_no_epochs",
        ],
    ),
    (
        34,
        "Chinese",
        &[
            "no_line_of_chinese_begins_with_closing_punctuation",
            "the_sentence_after_leaving_is_in_the_readers_language",
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
fn everything_that_was_met_has_a_test() {
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
