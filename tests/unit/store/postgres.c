#include "tests/unit/store/postgres.h"

#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[64], conninfo[160], bin[128], last_value[65536];
static pid_t server;

static void die(const char *what) {
    fprintf(stderr, "postgres fixture: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static void find_bin(void) {
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0 || found.gl_pathc == 0) {
        fprintf(stderr, "postgres fixture: no /usr/lib/postgresql/*/bin; install postgresql\n");
        exit(1);
    }
    snprintf(bin, sizeof(bin), "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

static const struct passwd *server_user(void) {
    const struct passwd *user = getpwnam("postgres");
    return user != NULL ? user : getpwnam("nobody");
}

/* Runs one of PostgreSQL's programs as an unprivileged user, quietly. */
static pid_t run(const char *program, char *argv[]) {
    char path[192];
    snprintf(path, sizeof(path), "%s/%s", bin, program);
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        die("fork");
    if (pid > 0)
        return pid;
    if (geteuid() == 0) {
        const struct passwd *user = server_user();
        if (user == NULL || setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 ||
            setuid(user->pw_uid) < 0)
            _exit(126);
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (getppid() != parent || chdir(dir) < 0 || freopen("server.log", "a", stderr) == NULL ||
        freopen("/dev/null", "w", stdout) == NULL)
        _exit(126);
    (void)setsid();
    argv[0] = path; /* they look for each other beside themselves */
    execv(path, argv);
    _exit(127);
}

static void run_wait(const char *program, char *argv[]) {
    int status;
    pid_t pid = run(program, argv);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die(program);
}

static PGconn *connect_as(const char *database, const char *user) {
    char info[192];
    snprintf(info, sizeof(info), "host=%s dbname=%s user=%s connect_timeout=5", dir, database,
             user);
    return PQconnectdb(info);
}

static void wait_ready(void) {
    for (int i = 0; i < 1000; i++) {
        PGconn *conn = connect_as("postgres", "admin");
        bool up = PQstatus(conn) == CONNECTION_OK;
        PQfinish(conn);
        if (up)
            return;
        (void)usleep(10000);
    }
    die("the server does not answer");
}

static void launch(void) {
    char *argv[] = {"postgres",
                    "-D",
                    "data",
                    "-k",
                    dir,
                    "-c",
                    "listen_addresses=",
                    "-c",
                    "fsync=off",
                    "-c",
                    "max_connections=32",
                    "-c",
                    "log_statement=none",
                    NULL};
    server = run("postgres", argv);
    wait_ready();
}

void postgres_start(void) {
    find_bin();
    strcpy(dir, "/tmp/cloister-pg-XXXXXX");
    if (mkdtemp(dir) == NULL)
        die("mkdtemp");
    const struct passwd *user = server_user();
    if (geteuid() == 0 && (user == NULL || chown(dir, user->pw_uid, user->pw_gid) < 0))
        die("chown");
    if (chmod(dir, 0755) < 0)
        die("chmod");
    char *argv[] = {"initdb", "-D",   "data",       "-U",        "admin", "--auth=trust",
                    "-E",     "UTF8", "--locale=C", "--no-sync", NULL};
    run_wait("initdb", argv);
    launch();
    PGconn *conn = connect_as("postgres", "admin");
    PQclear(PQexec(conn, "CREATE ROLE cloister LOGIN"));
    PQclear(PQexec(conn, "CREATE DATABASE cloister OWNER cloister"));
    PQfinish(conn);
    snprintf(conninfo, sizeof(conninfo), "host=%s dbname=cloister user=cloister", dir);
}

static void stop(int signal) {
    if (server <= 0)
        return;
    (void)kill(server, signal);
    (void)waitpid(server, NULL, 0);
    server = 0;
}

void postgres_kill(void) {
    stop(SIGQUIT);
}

void postgres_restart(void) {
    if (server == 0)
        launch();
}

/* The backends are children of the server, each in a process group of its own. The server stops
 * first and goes on last, so that the list is the same both times. */
void postgres_freeze(bool frozen) {
    static char stopped[4096];
    char path[64];
    if (frozen) {
        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)server, (int)server);
        (void)kill(server, SIGSTOP);
        (void)waitpid(server, NULL, WUNTRACED);
        FILE *file = fopen(path, "re");
        if (file == NULL || fgets(stopped, sizeof(stopped), file) == NULL)
            die("no children list");
        (void)fclose(file);
    }
    for (const char *at = stopped; *at != '\0'; at += strspn(at, " \n")) {
        (void)kill((pid_t)atoi(at), frozen ? SIGSTOP : SIGCONT);
        at += strcspn(at, " \n");
    }
    if (!frozen && stopped[0] != '\0')
        (void)kill(server, SIGCONT);
    if (!frozen)
        stopped[0] = '\0';
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void postgres_remove(void) {
    stop(SIGINT);
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *postgres_conninfo(void) {
    return conninfo;
}

const char *postgres_dir(void) {
    return dir;
}

const char *postgres_sql(const char *format, ...) {
    char sql[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    PGconn *conn = connect_as("cloister", "admin");
    if (PQstatus(conn) != CONNECTION_OK) {
        fprintf(stderr, "postgres fixture: %s", PQerrorMessage(conn));
        exit(1);
    }
    PQclear(PQexec(conn, "SET search_path = cloister, public; SET client_min_messages = error"));
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fprintf(stderr, "postgres fixture: %s\n%s", sql, PQerrorMessage(conn));
        exit(1);
    }
    last_value[0] = '\0';
    if (PQntuples(result) > 0 && PQnfields(result) > 0)
        snprintf(last_value, sizeof(last_value), "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    PQfinish(conn);
    return last_value;
}

void postgres_clean(void) {
    (void)postgres_sql("DROP SCHEMA IF EXISTS cloister CASCADE");
}

int postgres_tests(Suite *suite) {
    postgres_start();
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    postgres_remove();
    return failed == 0 ? 0 : 1;
}
