# Turns SQL files named NNNN_what.sql, in order, into a C table of struct migration:
#   awk -v table=NAME -f embed_sql.awk 0001_….sql 0002_….sql
# A missing number fails the build.
BEGIN {
    print "#include \"memory/migrate.h\"\n"
    printf "extern const struct migration %s[];\nextern const size_t %s_count;\n\n", table, table
    printf "const struct migration %s[] = {\n", table
}
FNR == 1 {
    if (count > 0)
        print "    },"
    base = FILENAME
    sub(/.*\//, "", base)
    count++
    if (substr(base, 1, 4) + 0 != count) {
        print FILENAME ": expected number " count > "/dev/stderr"
        failed = 1
        exit 1
    }
    printf "    {%d,\n", count
}
{
    line = $0
    sub(/[ \t]*--.*$/, "", line)
    gsub(/\\/, "\\\\", line)
    gsub(/"/, "\\\"", line)
    if (line != "")
        printf "     \"%s\\n\"\n", line
}
END {
    if (failed)
        exit 1
    if (count > 0)
        print "    },"
    printf "};\nconst size_t %s_count = %d;\n", table, count
}
