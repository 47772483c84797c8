#include "cli/plain_command.h"

#include "cli/setting_options.h"

int plain_command_run(const struct command *command, int argc, char **argv,
                      int (*work)(const se_settings *settings, bool json))
{
    static const struct option long_options[] = {{"json", no_argument, NULL, 'j'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 SETTING_OPTIONS,
                                                 {NULL, 0, NULL, 0}};
    se_error err;
    struct setting_options options;
    if (setting_options_init(&options, argc, &err) != SE_OK)
        return cli_fail(&err);
    bool json = false;
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (option == 'j')
            json = true;
        else
            status = setting_options_take(&options, command, NULL, option, optarg);
    }
    if (status < 0 && optind < argc)
        status = cli_misuse(command, "\"%s\" is one argument too many", argv[optind]);
    se_settings *settings = NULL;
    if (status < 0 && setting_options_apply(&options, &settings, &err) != SE_OK)
        status = cli_fail(&err);
    if (status < 0)
        status = work(settings, json);
    se_settings_free(settings);
    setting_options_free(&options);
    return status;
}
