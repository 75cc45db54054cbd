//! What stays on the terminal after the dashboard is gone.

use super::Entry;

pub(super) const TABLE: &[Entry] = &[
    (", ", "，"),
    ("1 epoch", "1 个迭代期"),
    ("{} epochs", "{} 个迭代期"),
    ("best test accuracy {}", "最好的测试准确率 {}"),
    ("best validation accuracy {}", "最好的验证准确率 {}"),
    ("saved to {}", "已保存到 {}"),
    ("left {0}; `nntop attach {0}` comes back to it", "已离开 {0}；`nntop attach {0}` 可以回来"),
    ("{} {}, {} of {} claims hold", "{} {}，成立的论断 {} 条，共 {} 条"),
    ("{}, {} networks that vote", "{}，{} 个网络投票"),
    ("{} after {} of 1 epoch", "{}，完成 {} 个迭代期，共 1 个"),
    ("{} after {} of {} epochs", "{}，完成 {} 个迭代期，共 {} 个"),
    ("; `nntop resume {}` {}", "；`nntop resume {}` {}"),
    ("; `nntop attach {}` shows it", "；`nntop attach {}` 可以查看"),
    ("continues the run where it was", "从原处继续"),
    ("starts the experiment anew", "重新开始这个实验"),
    ("starting", "正在启动"),
    ("completed", "已完成"),
    ("diverged", "已发散"),
    ("interrupted", "已中断"),
    ("unreachable", "联系不上"),
    ("unreadable", "无法读取"),
];
