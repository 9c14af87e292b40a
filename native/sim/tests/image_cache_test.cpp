// SPDX-License-Identifier: MIT
// The cache of run-time compilation runs no code that somebody else may have put there.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "driver_library.h"
#include "environment.h"

namespace cudasim::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSource = "extern \"C\" __global__ void cached(int* p) { *p = 4; }";
const std::string kPlanted = "not an image";

// A process without a home, whose temporary files are below a folder of the test.
class ImageCache : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/cudasim-cache-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        top = name;
        for (const char* variable : {"DEEPINFRA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"})
            environment.set(variable, nullptr);
        environment.set("TMPDIR", top.c_str());
        own = top / ("deepinfra-" + std::to_string(geteuid()));
    }
    void TearDown() override { fs::remove_all(top); }

    std::string compile() {
        std::string log;
        std::vector<char> image = cu.compile(kSource, &log);
        EXPECT_FALSE(image.empty()) << log;
        return {image.begin(), image.end()};
    }
    static bool is_image(const std::string& text) {
        return text.compare(0, 4,
                            "\x7f"
                            "ELF") == 0;
    }
    // The only file of a cache folder.
    static fs::path only_file(const fs::path& folder) {
        std::vector<fs::path> files;
        for (const auto& entry : fs::directory_iterator(folder))
            files.push_back(entry.path());
        EXPECT_EQ(files.size(), 1u);
        return files.empty() ? fs::path() : files[0];
    }
    static void plant(const fs::path& file, mode_t mode) {
        std::ofstream(file) << kPlanted;
        ASSERT_EQ(chmod(file.c_str(), mode), 0);
    }
    static mode_t mode_of(const fs::path& path) {
        struct stat status {};
        EXPECT_EQ(lstat(path.c_str(), &status), 0);
        return status.st_mode & 0777;
    }

    DriverLibrary& cu = DriverLibrary::instance();
    fs::path top, own;
    Environment environment;
};

TEST_F(ImageCache, WithoutHome_UsesAFolderOfThisUserOnly) {
    fs::create_directories(top / "deepinfra" / "cudasim");
    fs::permissions(top / "deepinfra" / "cudasim", fs::perms::all);

    ASSERT_TRUE(is_image(compile()));

    EXPECT_TRUE(fs::is_empty(top / "deepinfra" / "cudasim"));
    EXPECT_EQ(mode_of(own), 0700u);
    EXPECT_EQ(mode_of(own / "cudasim"), 0700u);
    fs::path file = only_file(own / "cudasim");
    EXPECT_EQ(mode_of(file), 0600u);
    // What this user alone can write is taken as it is: the cache is in use.
    plant(file, 0600);
    EXPECT_EQ(compile(), kPlanted);
}

TEST_F(ImageCache, FileThatOthersCanWrite_IsCompiledAgain) {
    ASSERT_TRUE(is_image(compile()));
    fs::path file = only_file(own / "cudasim");
    for (mode_t mode : {0620, 0602, 0666}) {
        plant(file, mode);

        EXPECT_TRUE(is_image(compile())) << std::oct << mode;

        EXPECT_EQ(mode_of(file), 0600u); // replaced by one's own
    }
}

TEST_F(ImageCache, LinkInPlaceOfTheFolder_IsNotUsed) {
    fs::path other = top / "other";
    fs::create_directories(other / "cudasim");
    fs::create_directory_symlink(other, own);

    EXPECT_TRUE(is_image(compile()));

    EXPECT_TRUE(fs::is_empty(other / "cudasim"));
}

TEST_F(ImageCache, LinkInPlaceOfTheFile_IsNotFollowed) {
    ASSERT_TRUE(is_image(compile()));
    fs::path file = only_file(own / "cudasim"), target = top / "target";
    plant(target, 0600);
    fs::remove(file);
    fs::create_symlink(target, file);

    EXPECT_TRUE(is_image(compile()));

    std::ifstream text(target);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(text), {}), kPlanted);
}

TEST_F(ImageCache, FolderOfSomebodyElse_IsNotUsed) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can make a folder of another user";
    fs::create_directories(own / "cudasim");
    ASSERT_EQ(chown(own.c_str(), 12345, 12345), 0);

    EXPECT_TRUE(is_image(compile()));

    EXPECT_TRUE(fs::is_empty(own / "cudasim"));
}

TEST_F(ImageCache, FileOfSomebodyElse_IsCompiledAgain) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can make a file of another user";
    ASSERT_TRUE(is_image(compile()));
    fs::path file = only_file(own / "cudasim");
    plant(file, 0600);
    ASSERT_EQ(chown(file.c_str(), 12345, 12345), 0);

    EXPECT_TRUE(is_image(compile()));
}

TEST_F(ImageCache, ChosenFolderThatOthersCanWrite_BecomesPrivate) {
    fs::path chosen = top / "chosen";
    fs::create_directories(chosen / "cudasim");
    ASSERT_EQ(chmod((chosen / "cudasim").c_str(), 0777), 0);
    environment.set("DEEPINFRA_CACHE_DIR", chosen.c_str());

    EXPECT_TRUE(is_image(compile()));

    EXPECT_EQ(mode_of(chosen / "cudasim"), 0700u);
    EXPECT_FALSE(fs::exists(own));
}

TEST_F(ImageCache, LeavesNoTemporaryFilesBehind) {
    environment.set("DEEPINFRA_CACHE_DIR", (top / "chosen").c_str());

    EXPECT_TRUE(is_image(compile()));

    EXPECT_EQ(only_file(top), top / "chosen");
}

} // namespace
} // namespace cudasim::test
