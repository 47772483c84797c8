#include "cli/setting_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/status.h"

int setting_options_init(struct setting_options *options, int argc, se_error *err)
{
    const size_t room = argc > 0 ? (size_t)argc : 1;
    *options = (struct setting_options){.items = calloc(room, sizeof(*options->items))};
    if (!options->items)
        return se_fail_memory(err, "the command line", room * sizeof(*options->items));
    return SE_OK;
}

void setting_options_free(struct setting_options *options)
{
    free(options->items);
    options->items = NULL;
}

static int take_set(struct setting_options *options, const char *argument, se_error *err)
{
    const char *equals = strchr(argument, '=');
    RETURN_ERROR_IF(!equals || equals == argument, err, SE_ERR_SETTING,
                    "--set takes NAME=VALUE, not \"%.100s\"", argument);
    options->items[options->count++] =
        (struct setting_option){argument, equals + 1, (size_t)(equals - argument), "--set"};
    return SE_OK;
}

static void take_short(struct setting_options *options, const struct short_form *form,
                       const char *argument)
{
    options->items[options->count++] = (struct setting_option){
        form->setting, form->value ? form->value : argument, strlen(form->setting), form->option};
}

int setting_options_take(struct setting_options *options, const struct command *command,
                         const struct short_form *forms, int option, const char *argument)
{
    se_error err;
    switch (option) {
    case 'h':
        return cli_print_usage(command);
    case OPTION_CONFIG:
        options->config = argument;
        return -1;
    case OPTION_SET:
        return take_set(options, argument, &err) == SE_OK ? -1 : cli_fail(&err);
    default:
        break;
    }
    if (!forms || option < OPTION_SHORT_FORM)
        return cli_misuse(command, "option not understood");
    take_short(options, &forms[option - OPTION_SHORT_FORM], argument);
    return -1;
}

static int apply_one(const struct setting_option *item, se_settings *settings, se_error *err)
{
    char *name = strndup(item->name, item->name_length);
    if (!name)
        return se_fail_memory(err, "the name of a setting", item->name_length);
    se_error why;
    const int status = se_settings_set(settings, name, item->value, item->origin, &why);
    free(name);
    RETURN_ERROR_IF(status != SE_OK, err, status, "%s: %s", item->origin, why.message);
    return SE_OK;
}

int setting_options_apply(const struct setting_options *options, se_settings **out, se_error *err)
{
    FORWARD_IF_ERROR(se_settings_new(out, err));
    int status = options->config ? se_settings_load_ini(*out, options->config, err) : SE_OK;
    if (status == SE_OK)
        status = se_settings_load_environment(*out, err);
    for (size_t i = 0; i < options->count && status == SE_OK; i++)
        status = apply_one(&options->items[i], *out, err);
    if (status != SE_OK) {
        se_settings_free(*out);
        *out = NULL;
    }
    return status;
}

int setting_settle_jobs(se_settings *settings, size_t count, int *jobs, se_error *err)
{
    char text[16];
    *jobs = atoi(se_settings_get(settings, "jobs"));
    if (*jobs == 0)
        *jobs = pool_default_threads();
    if ((size_t)*jobs > count)
        *jobs = (int)count;
    snprintf(text, sizeof(text), "%d", *jobs);
    FORWARD_IF_ERROR(se_settings_set(settings, "jobs", text, "number of pictures", err));
    if (*jobs > 1 && strcmp(se_settings_get(settings, "threads"), "0") == 0)
        return se_settings_set(settings, "threads", "1", "number of pictures", err);
    return SE_OK;
}
